"""What the owner wants published: as it was typed, and read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attestation.errors import Misconfigured, quoted
from contract.terms import parse_terms
from deploy.build_context import CA, PIP_CONFIG
from deploy.engines import Base, Engine, find_engine, parse_base
from deploy.push import ImageReference, parse_image_reference

from ..inputs import read_text

_OURS_ALONE = "symbolon, our files alone"
_APPENDED = "symbolon, appended to its base"
FOLDER = "oci:"
"""What the name of a base begins with that lies in a folder of this machine, as skopeo writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be published, as it was typed.

    `layout`: our files alone, which only an emulator runs. `append`: the base carries the requirements, and
    nothing is built. `pip_config` and `ca` are seen by the build alone. `keep_policy`: it is not put beside
    the image.
    """

    terms: str
    policy: str
    reference: str
    base: str | None
    engine: str | None
    append: bool
    layout: bool
    root: str | None
    emulator: bool
    pip_config: Path | None
    ca: Path | None
    keep_policy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be published, read: without `engine` ours is appended to `base`, or alone without both."""

    terms: bytes
    runtime: str
    reference: ImageReference
    engine: Engine | None
    base: Base | None
    beside: dict[str, Path]

    @property
    def tool(self) -> str:
        """What makes the image, as the policy file says it."""
        if self.engine is not None:
            return self.engine.tool
        return _OURS_ALONE if self.base is None else _APPENDED


def read_order(order: Order) -> Wanted:
    """What is wanted, and can be begun.

    Raises:
        Misconfigured: a file or an option is wrong, or no engine is there that would be needed.
    """
    text = read_text(order.terms, what="terms")
    terms = parse_terms(text)
    beside = {
        name: path for name, path in ((PIP_CONFIG, order.pip_config), (CA, order.ca)) if path is not None
    }
    for what, path in beside.items():
        if not path.is_file():
            raise Misconfigured(
                f"there is no file {quoted(str(path))} for `{what}`", hint="name one that is there"
            )
    _check_way(order, builds=not (order.append or order.layout), has_settings=bool(beside))
    reference = parse_image_reference(order.reference)
    if reference.digest is not None:
        raise Misconfigured(
            "the reference to push to has a digest, which only a push can give it",
            hint="name a tag: REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG",
        )
    base = None if order.base is None else parse_base(order.base)
    return Wanted(
        terms=text.encode(),
        runtime=terms.runtime.name,
        reference=reference,
        engine=None if order.layout or order.append else find_engine(order.engine),
        base=base,
        beside=beside,
    )


def _check_way(order: Order, *, builds: bool, has_settings: bool) -> None:
    """The options say one of three ways: built on a base, appended to one, or our files alone."""
    if order.layout and (order.base is not None or order.engine is not None or order.append):
        raise Misconfigured(
            "--layout has our files alone, so it has neither a base nor an engine",
            hint="leave out --layout for an image that runs on Google Cloud",
        )
    if order.layout and not order.emulator:
        raise Misconfigured(
            "--layout has our files alone: no machine but an emulator's can run it",
            hint="give --emulator too, or --base for an image that runs on Google Cloud",
        )
    if not builds and (order.engine is not None or has_settings):
        raise Misconfigured(
            "nothing is built, so there is neither an engine nor settings of pip's",
            hint="leave out --append and --layout to build deploy/Dockerfile on the base",
        )
    if builds and order.base is not None and order.base.startswith(FOLDER):
        raise Misconfigured(
            "an OCI layout is a base to append to, and no engine builds on it",
            hint="add --append where it carries the requirements; or load it into the engine",
        )
    if order.base is None and order.append:
        raise Misconfigured(
            "--append needs the base that carries the requirements",
            hint="--base NAME@sha256:…, or oci:FOLDER@sha256:…; `scripts/make-base-image --runtime RUNTIME "
            "FOLDER` makes one, and says its digest",
        )
    if order.base is None and builds:
        raise Misconfigured(
            "the base has no default, since a digest that nobody looked up would be a decoration",
            hint="--base docker.io/library/python:3.11-slim@sha256:…; `skopeo inspect --format '{{.Digest}}' "
            "docker://docker.io/library/python:3.11-slim` says which it is today",
        )
