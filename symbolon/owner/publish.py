"""What the owner types to have an image that the policy pins: `symbolon owner publish`.

Build, push, pin: the digest that goes into the policy is counted from what the registry serves.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, quoted
from contract.terms import parse_terms
from deploy.build_context import CA, PIP_CONFIG, lay_out_context
from deploy.engines import Base, Engine, build, find_engine, parse_base
from deploy.image import build_image
from deploy.push import ImageReference, parse_image_reference, push
from emulator.address import client_env
from policy.pinning import pin_image

from ..inputs import read_bytes, read_text
from ..platform_root import check_root, published_root
from ..rendering import columns, console, print_json, printable_lines
from ..signing_in import sign_in
from ..steps import Steps
from ..whole_files import write

_OURS_ALONE = "symbolon, our files alone"
_NO_DIGEST = Digest("sha256:" + "0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be published, as it was typed.

    `layout`: our files alone, which only an emulator runs. `pip_config` and `ca` are seen by the build alone.
    """

    terms: str
    policy: str
    reference: str
    base: str | None
    engine: str | None
    layout: bool
    root: str | None
    emulator: bool
    pip_config: Path | None
    ca: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be published, read: `engine` and `base` are None for our files alone."""

    terms: bytes
    runtime: str
    reference: ImageReference
    engine: Engine | None
    base: Base | None
    beside: dict[str, Path]

    @property
    def tool(self) -> str:
        return _OURS_ALONE if self.engine is None else self.engine.tool


def publish(order: Order, *, plan: bool, output: str) -> ExitCode:
    """The registry serves the image, and the policy file pins its digest; or the plan of it is shown.

    Raises:
        Misconfigured: a file or an option is wrong, no engine is there, or the engine did not build it.
        Denied, Unavailable: as the registry answers, or the network of the build.
    """
    before = read_text(order.policy, what="policy")
    wanted = _read(order)
    pin_image(before, _NO_DIGEST, built_by=wanted.tool)  # refused now, and not when all is built
    if plan:
        return _show_plan(order, wanted, output=output)
    api = sign_in("owner")
    root = published_root() if order.root is None else read_bytes(order.root, what="root")
    check_root(root, emulator=order.emulator)
    with tempfile.TemporaryDirectory(prefix="symbolon-") as name, Steps() as steps:
        folder = Path(name)
        steps.begin(f"building with {wanted.tool}")
        _build(wanted, folder, root, steps, emulator=order.emulator)
        steps.begin(f"pushing to {wanted.reference.host}")
        digest = push(api, folder / "layout", wanted.reference, on_pushed=lambda blob: steps.show(blob[:19]))
    after = pin_image(before, digest, built_by=wanted.tool)
    if after != before:
        write(Path(order.policy).parent, {Path(order.policy).name: after})
    return _show(order, wanted, digest, changed=after != before, output=output)


def _read(order: Order) -> Wanted:
    text = read_text(order.terms, what="terms")
    terms = parse_terms(text)
    beside = {PIP_CONFIG: order.pip_config, CA: order.ca}
    for what, path in beside.items():
        if path is not None and not path.is_file():
            raise Misconfigured(
                f"there is no file {quoted(str(path))} for `{what}`", hint="name one that is there"
            )
    if order.layout:
        if order.base is not None or order.engine is not None:
            raise Misconfigured(
                "--layout has our files alone, so it has neither a base nor an engine",
                hint="leave out --layout for an image that runs on Google Cloud",
            )
        if not order.emulator:
            raise Misconfigured(
                "--layout has our files alone: no machine but an emulator's can run it",
                hint="give --emulator too, or --base for an image that runs on Google Cloud",
            )
    elif order.base is None:
        raise Misconfigured(
            "the base has no default, since a digest that nobody looked up would be a decoration",
            hint="--base docker.io/library/python:3.11-slim@sha256:…; `skopeo inspect --format '{{.Digest}}' "
            "docker://docker.io/library/python:3.11-slim` says which it is today",
        )
    reference = parse_image_reference(order.reference)
    if reference.digest is not None:
        raise Misconfigured(
            "the reference to push to has a digest, which only a push can give it",
            hint="name a tag: REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG",
        )
    return Wanted(
        terms=text.encode(),
        runtime=terms.runtime.name,
        reference=reference,
        engine=None if order.layout else find_engine(order.engine),
        base=None if order.base is None else parse_base(order.base),
        beside={name: path for name, path in beside.items() if path is not None},
    )


def _build(wanted: Wanted, folder: Path, root: bytes, steps: Steps, *, emulator: bool) -> None:
    layout = folder / "layout"
    if wanted.engine is None or wanted.base is None:
        build_image(layout, terms=wanted.terms, root=root, runtime=wanted.runtime)
        return
    context = folder / "context"
    lay_out_context(context, terms=wanted.terms, root=root, runtime=wanted.runtime, beside=wanted.beside)
    build(
        wanted.engine,
        context,
        base=wanted.base,
        runtime=wanted.runtime,
        layout=layout,
        without=client_env(proxy="", ca_file="") if emulator else (),
        on_line=lambda line: steps.show(line.partition(": ")[0][:60]),
    )


def _show_plan(order: Order, wanted: Wanted, *, output: str) -> ExitCode:
    rows = {
        "build": f"deploy/Dockerfile with {wanted.tool}" if wanted.engine else wanted.tool,
        "base": str(wanted.base) if wanted.base else "none",
        "runtime": wanted.runtime,
        "push": str(wanted.reference.repository) + f":{wanted.reference.tag or 'latest'}",
        "pin": f"the digest that {wanted.reference.host} then serves, in {order.policy}",
    }
    if output == "json":
        print_json({"plan": rows})
    else:
        console().print(printable_lines(columns(rows.items())))
    return ExitCode.YES


def _show(order: Order, wanted: Wanted, digest: Digest, *, changed: bool, output: str) -> ExitCode:
    reference = f"{wanted.reference.repository}@{digest}"
    if output == "json":
        print_json(
            {
                "image": reference,
                "digest": digest,
                "built_by": wanted.tool,
                "base": str(wanted.base) if wanted.base else None,
                "runtime": wanted.runtime,
                "emulator": order.emulator,
                "policy": {"file": order.policy, "changed": changed},
            }
        )
        return ExitCode.YES
    rows = {
        "image": reference,
        "built by": wanted.tool + (f" on {wanted.base}" if wanted.base else ""),
        "policy": f"{order.policy} pins it" + ("" if changed else ", as before"),
    }
    console().print(printable_lines(columns(rows.items())))
    if order.emulator:
        console().print(
            printable_lines("this image believes an emulator: Google's verifier means nothing to it")
        )
    return ExitCode.YES
