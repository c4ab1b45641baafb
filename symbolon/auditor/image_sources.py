"""Where an image comes from: built again and compared, or each file told by its source.

Our files alone are put together again, a whole image is built by an engine where one is there and its base is
named. What no engine built, and what cannot be built here, is accounted for file by file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from attestation.errors import Misconfigured, Unavailable, quoted
from deploy.accounting import account
from deploy.build_context import CA, PIP_CONFIG, lay_out_context
from deploy.comparing import compare
from deploy.engines import Engine, build, find_engine, parse_base
from deploy.expected import Expected
from deploy.image import BASE_ANNOTATION, build_image
from deploy.image_contents import ImageContents
from deploy.layers import Store
from deploy.layout import Layout, read_layout
from deploy.wheels import Wheels, download, parse_requirements, platforms_of, read_wheels
from emulator.address import client_env

from ..steps import Steps
from .image_answers import Evidence, Rebuilt
from .image_order import NO_ENGINE, Order

_APPENDED: Final = "symbolon: COPY of deploy/Dockerfile"
_ALONE: Final = "symbolon, our files alone"
_MOST_NAMED: Final = 3
_MARK: Final = ".dist-info/WHEEL"

Read = Callable[[Layout], ImageContents]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How it is told where an image comes from; with neither `alone` nor an `engine`, file by file.

    `notes` say why not otherwise.
    """

    alone: bool = False
    engine: Engine | None = None
    notes: tuple[str, ...] = ()

    @property
    def by_files(self) -> bool:
        """Whether the files are compared, and nothing is built."""
        return not self.alone and self.engine is None


def way_for(layout: Layout, order: Order) -> Way:
    """How it can be told where the image in the layout comes from.

    Raises:
        Misconfigured: an engine or a file that was named is not there, or the base is not named by a digest.
    """
    annotations = layout.manifest.get("annotations") or {}
    if isinstance(annotations, dict) and annotations.get(BASE_ANNOTATION) == "not included":
        return Way(alone=True)
    if order.engine == NO_ENGINE:
        return Way()
    if _was_appended(layout):
        return Way(notes=("it was appended to its base, and no engine built it: its files were compared",))
    if order.base is None:
        return Way(notes=("it was not built again: --base has to name what it was built on",))
    parse_base(order.base)
    for path in (order.pip_config, order.ca):
        if path is not None and not path.is_file():
            raise Misconfigured(f"there is no file {quoted(str(path))}", hint="name one that is there")
    try:
        return Way(engine=find_engine(order.engine))
    except Misconfigured as missing:
        if order.engine is not None:
            raise
        return Way(notes=(f"it was not built again: {missing.message}",))


def _was_appended(layout: Layout) -> bool:
    """Whether the image says that no engine made it: a hint, by which the way is chosen, and nothing else."""
    try:
        history: list[Any] = json.loads(layout.configuration)["history"]
        return bool(len(layout.manifest["layers"]) > 1 and history[-1]["created_by"] == _APPENDED)
    except (ValueError, LookupError, TypeError):
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What an image is held against, and where that happens.

    `read` reads the image of another layout; `folder` is for what is fetched and built.
    """

    order: Order
    image: ImageContents
    expected: Expected
    terms: bytes
    root: bytes
    root_in_words: str
    runtime: str
    store: Store
    folder: Path
    steps: Steps
    read: Read

    def evidence(self, way: Way) -> tuple[Evidence, tuple[str, ...]]:
        """What was found, that way, and notes on what was not done.

        Raises:
            Misconfigured, Unavailable: an engine did not build it, or could not fetch what it needs.
            EvidenceRejected: a wheel that the lock knows, or a known image, is not what it should be.
        """
        words = (f"the sources of the checkout, {self.expected.digest}", self.root_in_words)
        if way.by_files:
            return self._account(words)
        rebuilt = self._put_together() if way.engine is None else self._build(way.engine)
        return Evidence(digest=self.image.digest, sources=words, rebuilt=rebuilt), ()

    def _put_together(self) -> Rebuilt:
        self.steps.begin("putting our files together again")
        built = build_image(
            self.folder / "built",
            terms=self.terms,
            root=self.root,
            source=self.order.source,
            runtime=self.runtime,
        )
        return self._rebuilt(read_layout(built.folder), _ALONE, "no base: the image says that it has none")

    def _build(self, engine: Engine) -> Rebuilt:
        self.steps.begin(f"building it again with {engine.tool}")
        order, base = self.order, parse_base(str(self.order.base))
        beside = {PIP_CONFIG: order.pip_config, CA: order.ca}
        context = self.folder / "context"
        lay_out_context(
            context,
            terms=self.terms,
            root=self.root,
            runtime=self.runtime,
            source=order.source,
            beside={name: path for name, path in beside.items() if path is not None},
        )
        built = build(
            engine,
            context,
            base=base,
            runtime=self.runtime,
            layout=self.folder / "built",
            without=client_env(proxy="", ca_file="") if order.emulator else (),
            on_line=lambda line: self.steps.show(line.partition(": ")[0][:60]),
        )
        return self._rebuilt(built.layout, built.tool, f"the base {base}")

    def _rebuilt(self, layout: Layout, tool: str, base: str) -> Rebuilt:
        compared = None
        if layout.digest != self.image.digest:
            self.steps.begin("comparing it with what was built")
            compared = compare(self.image, self.read(layout))
        return Rebuilt(digest=layout.digest, tool=tool, base=base, compared=compared)

    def _account(self, words: tuple[str, ...]) -> tuple[Evidence, tuple[str, ...]]:
        wheels, notes = self._wheels()
        if self.order.known:
            self.steps.begin("reading the known images")
        known = tuple(self.read(read_layout(path)) for path in self.order.known)
        self.steps.begin("telling where each file comes from")
        accounting = account(self.image, self.expected, wheels, store=self.store, known=known)
        if wheels.absent:
            shown = ", ".join(map(str, wheels.absent[:_MOST_NAMED]))
            more = ", …" if len(wheels.absent) > _MOST_NAMED else ""
            notes += (f"{len(wheels.absent)} wheels of the lock were not there to compare: {shown}{more}",)
        evidence = Evidence(
            digest=self.image.digest,
            sources=words,
            accounting=accounting,
            known=tuple(f"the known image {each.digest}, that you named" for each in known),
            lock=f"{len(wheels.wheels)} wheels, each with a hash of the lock",
        )
        return evidence, notes

    def _wheels(self) -> tuple[Wheels, tuple[str, ...]]:
        """The wheels of the lock that are here, and why others are not."""
        notes: tuple[str, ...] = ()
        requirements = parse_requirements(self.expected.requirements)
        folder = self.order.wheels
        if folder is None:
            self.steps.begin("fetching the wheels that the lock names")
            folder = self.folder / "wheels"
            folder.mkdir()
            platforms = platforms_of(self._marks())
            try:
                download(self.expected.requirements, folder, scratch=self.folder, platforms=platforms)
            except Unavailable as failure:
                notes = (f"{failure.message}: {failure.hint}",)
        elif not folder.is_dir():
            raise Misconfigured("--wheels is no folder", hint="name the folder that has the wheels in it")
        self.steps.begin("reading the wheels")
        sums = {path: member.sha256 for path, member in self.image.files.items()}
        return read_wheels(folder, requirements, installed=sums), notes

    def _marks(self) -> list[str]:
        """The texts that say for which platform each installed package was made."""
        files = (member for path, member in self.image.files.items() if path.endswith(_MARK))
        texts = (self.store.read(member.sha256) for member in files)
        return [text.decode(errors="replace") for text in texts if text is not None]
