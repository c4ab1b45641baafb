"""The steps by which a broker's log is verified, in order, and what each rests on.

    signed     the checkpoint is signed by the broker's key        rests on --key
    kept       it is the log that was seen before, or longer       rests on --checkpoint
    witnessed  somebody else saw it, when, and no other            rests on --witness
    entries    all entries are there, and are those signed         rests on `signed`
    tiles      so are the digests that others make proofs of

Whether something was taken back since an earlier day, only `kept` or `witnessed` can say: without either the
log is in order, and that question is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from attestation.errors import EvidenceRejected, NotKnown, SymbolonError
from contract.checkpoint import Checkpoint, epoch_of, open_checkpoint, unsafe_read_checkpoint
from contract.cosignature import verify_cosignature
from contract.dsse import PublicKey
from contract.signed_note import NoteKey, parse_note

from .log_reading import check_tiles, read_checkpoint, read_entries
from .log_sources import LogSource

Outcome = Literal["pass", "fail", "unknown", "not-asked", "not-reached"]


class Step(Enum):
    """A step, as it is called in front of people."""

    SIGNED = "signed"
    KEPT = "kept"
    WITNESSED = "witnessed"
    ENTRIES = "entries"
    TILES = "tiles"


class LogCut(EvidenceRejected):
    """The log has fewer entries than it was seen with: its end was cut, or an old copy is shown."""

    code = "log-cut"


class LogOfAnother(EvidenceRejected):
    """The log is not the one whose checkpoint was kept."""

    code = "log-of-another"


class LogEpochBegan(EvidenceRejected):
    """The owner began another epoch of the log since the checkpoint was kept."""

    code = "log-epoch-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDemand:
    """What is demanded of a log: whose it is, what was seen of it before, who else has to have seen it."""

    key: PublicKey | None
    kept: str | None
    witness: NoteKey | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken, or was not."""

    step: Step
    outcome: Outcome
    said: str = ""


@dataclass(slots=True)
class LogVerdict:
    """What was found. `why` is None where everything that was demanded holds, and nothing is left open."""

    text: str = ""
    checkpoint: Checkpoint | None = None
    steps: list[Taken] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    first_at: int | None = None
    last_at: int | None = None
    witnessed_at: int | None = None
    why: SymbolonError | None = None

    @property
    def may_be_kept(self) -> bool:
        """Whether the log is signed and whole, so that its checkpoint says what is seen from now on."""
        outcomes = {each.step: each.outcome for each in self.steps}
        whole = {Step.SIGNED, Step.ENTRIES, Step.TILES}
        return all(outcomes.get(step) == "pass" for step in whole) and "fail" not in outcomes.values()


_OPEN_KEY: Final = "nobody said whose log it has to be"
_OPEN_PAST: Final = (
    "whether anything was taken back before now is not known: nothing was kept, and no witness"
)


def verify_log(
    source: LogSource, demand: LogDemand, *, on_entries: Callable[[int], object] = lambda _: None
) -> LogVerdict:
    """The verdict, with every step that it comes from; it ends at the first that fails.

    Raises:
        Unavailable, Misconfigured: the log cannot be read.
    """
    verdict = LogVerdict()
    now = Step.SIGNED
    try:
        verdict.text = read_checkpoint(source)
        verdict.checkpoint = checkpoint = unsafe_read_checkpoint(verdict.text)
        _take(verdict, now, *_signed(verdict.text, demand.key))
        now = Step.KEPT
        kept = _kept(checkpoint, demand)
        later = "" if kept is None else f"it begins with the {kept.size} entries that were kept"
        now = Step.WITNESSED
        witnessed = _witnessed(verdict, demand.witness)
        now = Step.ENTRIES
        digests = bytearray()
        for placed in read_entries(source, checkpoint, kept=kept, digests=digests, on_entries=on_entries):
            verdict.kinds[placed.entry.kind] += 1
            verdict.last_at = placed.entry.at
            verdict.first_at = placed.entry.at if verdict.first_at is None else verdict.first_at
        _take(verdict, Step.KEPT, *(("pass", later) if later else ("not-asked", "nothing was kept before")))
        _take(verdict, Step.WITNESSED, *witnessed)
        _take(verdict, now, "pass", f"all {checkpoint.size} are there, in the order that was signed")
        now = Step.TILES
        check_tiles(source, checkpoint.size, bytes(digests))
        _take(verdict, now, "pass", "they are made of the entries")
    except EvidenceRejected as rejection:
        failed = Step.KEPT if rejection.code == "log-forked" else now
        _take(verdict, failed, "fail", rejection.message)
        verdict.why = rejection
    _fill(verdict)
    if verdict.why is None:
        verdict.why = _open(demand)
    return verdict


def _take(verdict: LogVerdict, step: Step, outcome: Outcome, said: str) -> None:
    verdict.steps.append(Taken(step, outcome, said))


def _fill(verdict: LogVerdict) -> None:
    taken = {each.step: each for each in verdict.steps}
    verdict.steps = [taken.get(step, Taken(step, "not-reached")) for step in Step]


def _signed(text: str, key: PublicKey | None) -> tuple[Outcome, str]:
    if key is None:
        return "unknown", _OPEN_KEY
    open_checkpoint(text, key)
    return "pass", f"by {key.key_id}"


def _kept(now: Checkpoint, demand: LogDemand) -> Checkpoint | None:
    """What was seen before, where it is of this log, and no longer than it.

    Raises:
        NoteMalformed, CheckpointMalformed, NoteSignedByAnother: what was kept is not that broker's.
        LogOfAnother, LogEpochBegan, LogCut: the log is not the one that it was.
    """
    if demand.kept is None:
        return None
    kept = (
        unsafe_read_checkpoint(demand.kept)
        if demand.key is None
        else open_checkpoint(demand.kept, demand.key)
    )
    if kept.origin != now.origin:
        began = _epoch(now, demand.key)
        if _epoch(kept, demand.key) < began:
            raise LogEpochBegan(
                f"the log is of epoch {began}, and what was kept of an earlier one",
                hint="ask the owner whether they began it, and what was lost; then keep it in another file",
            )
        raise LogOfAnother(
            "the log is another one than was kept", hint="name the file that belongs to this log"
        )
    if now.size < kept.size:
        raise LogCut(
            f"the log has {now.size} entries, and {kept.size} were seen before",
            hint="keep both checkpoints, they prove it; ask the owner what happened to the broker",
        )
    return kept


def _epoch(checkpoint: Checkpoint, key: PublicKey | None) -> int:
    """The epoch; 0 too where nobody said whose log it is."""
    return 0 if key is None else epoch_of(checkpoint.origin, key.key_id) or 0


def _witnessed(verdict: LogVerdict, witness: NoteKey | None) -> tuple[Outcome, str]:
    if witness is None:
        return "not-asked", "no witness was named"
    verdict.witnessed_at = verify_cosignature(parse_note(verdict.text), witness)
    return "pass", f"by {witness.name}"


def _open(demand: LogDemand) -> NotKnown | None:
    """What is not known though nothing failed."""
    if demand.key is None:
        return NotKnown(_OPEN_KEY, hint="give --key, as the owner's terms have it in `release.broker_key`")
    if demand.kept is None and demand.witness is None:
        return NotKnown(_OPEN_PAST, hint="give --checkpoint FILE each time: it is written the first time")
    return None
