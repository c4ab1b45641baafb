"""What `symbolon owner protect` does: the model lies in the owner's bucket, once, and the terms pin it.

    look at the bucket → nothing, create or replace → upload under `if_generation_match` → pin in `terms.toml`

A second run finds nothing to do. One that was stopped between upload and pinning finds its object by size and
CRC32C, and pins it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from google.api_core.exceptions import NotFound
from google.cloud import storage
from rich.filesize import decimal

from attestation.errors import ExitCode, Misconfigured
from contract.dsse import PrivateKey
from contract.kms_keys import KmsKey, parse_kms_key
from contract.terms import OwnerTerms

from .. import whole_files
from ..brokers import NamedBroker
from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines
from ..steps import Steps
from . import workplace
from .desk import open_desk
from .model_bucket import PATIENCE, TIMEOUT_S, failures, open_blob
from .packing import Measured, measure
from .uploading import upload
from .workplace import Workplace, open_workplace

if TYPE_CHECKING:
    from .key_holders import KeyHolder

NOT_SEALED: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """How the model is to lie in the bucket, as it was typed; `kms` is `NOT_SEALED` where that was said.

    `broker` is the owner's broker where it is to have the key, and which of the owner's keys hands it over.
    """

    kms: KmsKey | Literal["none"] | None = None
    broker: NamedBroker | None = None
    sign_with: Path | None = None
    passphrase_file: Path | None = None

    def holder(self, place: Workplace, key: PrivateKey | None) -> KeyHolder | None:
        """Who is to hold the model's key: who was said, or else whom the terms name; None for a plain model.

        Raises:
            Misconfigured: it is a broker, and what it takes to ask it is not said.
        """
        release = place.terms.release
        named = self.broker or NamedBroker(passphrase_file=self.passphrase_file)
        says_broker = self.kms is None and named.broker is not None
        if self.kms == NOT_SEALED or (self.kms is None and not says_broker and release is None):
            return None
        from .key_holders import BrokerHolder, KmsHolder

        if isinstance(self.kms, KmsKey):
            return KmsHolder(kms=self.kms)
        if not says_broker and release is not None:
            if release.kms is not None:
                return KmsHolder(kms=parse_kms_key(release.kms, where="`release.kms`"))
            named = replace(named, broker=release.broker)
        return BrokerHolder(desk=open_desk(named, terms=place.folder, key=key))

    def key(self) -> PrivateKey | None:
        """The key that signs the manifest, if one was named."""
        if self.sign_with is None:
            return None
        from .signing_keys import open_key

        return open_key(self.sign_with, passphrase_file=self.passphrase_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be done: `replaces` is the generation that is there, 0 for none; None is no upload.

    `pins`: the generation that the terms are to have, where it is known already.
    """

    replaces: int | None
    pins: int | None
    is_pinned: bool

    @property
    def is_done(self) -> bool:
        return self.replaces is None and self.is_pinned


def protect(folder: Path, seal: Seal, *, plan: bool, output: str, steps: Steps) -> ExitCode:
    """The bucket has the archive, and the terms its digest and generation; or, of a `plan`, what that takes.

    Sealed or not: as `seal` says, or else as the terms do.

    Raises:
        Misconfigured: there is no such bucket, it is another project's, or there are no credentials.
        Denied: a role is missing; the message says which permission, the hint has the line that grants it.
        ConcurrentChange: somebody else wrote the object meanwhile.
        Unavailable: Cloud Storage cannot be reached.
    """
    place = open_workplace(folder)
    steps.begin("reading the model")
    measured = measure(place.packing, note=lambda size: steps.show(f"{size / 1e6:,.0f} MB"))
    key = seal.key()
    holder = seal.holder(place, key)
    if holder is not None:
        from .protect_sealed import protect_sealed

        return protect_sealed(place, measured, holder, key, plan=plan, output=output, steps=steps)
    steps.begin("looking at the bucket")
    with failures(place.terms):
        blob = open_blob(place.terms)
        planned = _plan(place.terms, measured, blob)
    generation = planned.pins
    if not plan and planned.replaces is not None:
        steps.begin(f"uploading {decimal(measured.size)},")
        with failures(place.terms):
            generation = _upload(place, measured, blob, planned.replaces, steps)
    if not plan and not planned.is_done and generation is not None:
        _pin(place, measured, generation)
    steps.pause()
    return _tell(place, measured, planned, generation, done=not plan, output=output)


def _plan(terms: OwnerTerms, measured: Measured, blob: storage.Blob) -> Plan:
    """From what is there; `blob` has its generation afterwards."""
    try:
        blob.reload(timeout=TIMEOUT_S, retry=PATIENCE)
    except NotFound:
        return Plan(replaces=0, pins=None, is_pinned=False)
    generation = int(blob.generation)
    if (blob.size, blob.crc32c) != (measured.size, measured.crc32c):
        return Plan(replaces=generation, pins=None, is_pinned=False)
    pinned = (terms.model.sha256, terms.model.generation, terms.release)
    is_pinned = pinned == (measured.digest, generation, None)
    return Plan(replaces=None, pins=generation, is_pinned=is_pinned)


def _upload(place: Workplace, measured: Measured, blob: storage.Blob, replaces: int, steps: Steps) -> int:
    """The generation that the archive has become."""
    upload(
        blob,
        place.packing,
        size=measured.size,
        if_generation_match=replaces,
        note=lambda size: steps.show(f"{100 * size // measured.size} %"),
    )
    if (blob.size, blob.crc32c) != (measured.size, measured.crc32c):
        raise Misconfigured(
            "the model changed while it was uploaded, and nothing is pinned",
            hint="let no program write the model meanwhile, and run the command again",
        )
    return int(blob.generation)


def _pin(place: Workplace, measured: Measured, generation: int) -> None:
    text = read_text(str(place.folder / workplace.TERMS), what="terms")
    pinned = workplace.pinned(text, sha256=measured.digest, generation=generation)
    whole_files.write(place.folder, {workplace.TERMS: workplace.released(pinned, None)})


def _tell(
    place: Workplace, measured: Measured, plan: Plan, generation: int | None, *, done: bool, output: str
) -> ExitCode:
    uri = str(place.terms.model.uri)
    action = "keep" if plan.replaces is None else "create" if plan.replaces == 0 else "replace"
    if output == "json":
        print_json(
            {
                "object": {
                    "action": action,
                    "uri": uri,
                    "size": measured.size,
                    "replaces": plan.replaces or None,
                },
                "terms": {
                    "action": "keep" if plan.is_pinned else "change",
                    "sha256": measured.digest,
                    "generation": generation,
                },
                "done": done,
            }
        )
        return ExitCode.YES
    was = place.terms.model
    rows = [(action, f"{uri}, {decimal(measured.size)}")]
    if plan.replaces:
        rows.append(
            ("", f"generation {plan.replaces} is replaced, and stays where the bucket keeps versions")
        )
    pins = "the generation that it gets" if generation is None else str(generation)
    if plan.is_pinned:
        rows.append(("keep", f"{workplace.TERMS}: {measured.digest}, generation {pins}"))
    else:
        if was.sha256 != measured.digest:
            rows.append(("change", f"{workplace.TERMS}: sha256, {was.sha256} → {measured.digest}"))
        rows.append(("change", f"{workplace.TERMS}: generation, {was.generation or 'none'} → {pins}"))
        if place.terms.release is not None:
            rows.append(("change", f"{workplace.TERMS}: release, the model is no longer sealed"))
            beside = f"{uri}.manifest.json and {uri}.keys.json"
            rows.append(("", f"{beside} stay, for images of the sealed one: remove them when none runs"))
    terminal = console()
    terminal.print(printable_lines(columns(rows)))
    if plan.is_done:
        terminal.print("nothing to do: the model is there, and pinned")
    elif not done:
        terminal.print("nothing was done: this is the plan")
    return ExitCode.YES
