"""Whether a receipt proves what it says, as one plan that is followed from top to bottom.

- **Envelope**: it is a receipt of a known format, and nothing in it can be read in two ways.
- **Attestation**: the token that seals it is for receipts, and its certificates lead to the root, both at the
  moment at which the token says that it was issued. That moment is its own *claim*; it is not after the
  moment of asking, and where a certificate has expired since, the answer says so.
- **Nonce**: the token was made for this very statement, byte for byte.
- **Statement**: image and mode are those of the token's claims.
- **Machine**: Confidential Space, started securely, its memory encrypted, closed to debugging since then.
- **Overrides**: the operator set what the image's label allows and the statement says, and nothing else.
- **Network**: the image spoke to Google without a proxy and without a private certificate authority.
- **Release**, where a broker released the model's key: the log's entry is of this request, model, image,
  machine and licence, and the checkpoint covers it; where the broker's key is given, that key signs it.
  Without the key anybody could have made that log, and the answer says so.
- **Results**, where they are handed in: every result object is there as it was, rows and inputs give the
  roots that are stated, and each row is of its input.
- **Counts**: as many rows as inputs, the parts that hold them and `result` as subjects, and of the results as
  many errors as are stated.
- **Row**, where one is handed in: its proof leads to the root of the rows.
- **Image**, where a digest is demanded: it is this one. **Policy**, where one is given: it admits the token's
  claims, and, where no digest is demanded, not the same claims with a stranger's image.

The first step that does not hold ends the plan: what would come after it is not looked at.

Guarantee: `Verified` is made by `conclude` alone, where each step holds and an image was demanded or a policy
given. Without either nobody has said *whose* image may speak, and anybody's own image can attest any lie
about its own run: the question stays open. Only the results that are handed in are read; the
clock is an argument.

Source: secure-systems-lab/dsse, protocol.md; `contract.receipt`; `attestation.verification`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, NotKnown, SymbolonError
from attestation.tokens import parse_token
from attestation.verification import VerifiedClaims
from contract.dsse import PublicKey
from contract.receipt import ReceiptFormatUnknown, Statement, parse_receipt, parse_statement
from contract.row_proof import RowProof

from ..handed_tokens import moment
from ..judging import ClauseAnswer
from ..policies import NamedPolicy
from ..result_folders import ResultFolder
from . import receipt_checks as checks
from .receipt_release import check_release
from .receipt_results import check_results
from .receipt_roots import Trust


class Step(StrEnum):
    """The steps of the plan, in order; the module says what each demands."""

    ENVELOPE = "envelope"
    ATTESTATION = "attestation"
    NONCE = "nonce"
    STATEMENT = "statement"
    MACHINE = "machine"
    OVERRIDES = "overrides"
    NETWORK = "network"
    RELEASE = "release"
    RESULTS = "results"
    COUNTS = "counts"
    ROW = "row"
    IMAGE = "image"
    POLICY = "policy"


_IF_ASKED: Final = frozenset({Step.RELEASE, Step.RESULTS, Step.ROW, Step.IMAGE, Step.POLICY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What somebody asks of a receipt; `at` is the moment of asking, in seconds since the epoch."""

    trust: Trust
    at: float
    image_digest: Digest | None = None
    policies: tuple[NamedPolicy, ...] | None = None
    results: ResultFolder | None = None
    proof: RowProof | None = None
    broker_key: PublicKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How a step came out: what was seen, and the `anchor` that it rests on."""

    step: Step
    outcome: Literal["pass", "fail", "unknown", "not-asked", "not-reached"]
    said: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Every step holds, and the image or the policy is the one that was demanded."""

    emulator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotVerified:
    """A step does not hold (`EvidenceRejected`, `Denied`), or a question is open (`NotKnown`).

    `clauses` are those of the policy that do not hold, where it is the policy that says no.
    """

    why: SymbolonError
    clauses: tuple[ClauseAnswer, ...] = ()


Answer: TypeAlias = Verified | NotVerified


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, the steps that it comes from, and what was read: believed as far as the steps hold."""

    answer: Answer
    steps: tuple[Taken, ...]
    statement: Statement | None
    claims: VerifiedClaims | None


class _Ended(Exception):
    """A step does not hold."""

    def __init__(self, why: SymbolonError) -> None:
        super().__init__()
        self.why = why


@dataclass(slots=True)
class _Course:
    """The plan as far as it has come."""

    steps: list[Taken] = field(default_factory=list)
    statement: Statement | None = None
    claims: VerifiedClaims | None = None

    @contextmanager
    def step(self, step: Step, anchor: str) -> Iterator[Callable[[str], None]]:
        """The block's words are the step's findings; a rejection in it ends the plan."""
        said: list[str] = []
        try:
            yield said.append
        except (EvidenceRejected, checks.AnotherImage, checks.RefusedByPolicy, ReceiptFormatUnknown) as why:
            self.steps.append(Taken(step=step, outcome="fail", said=why.message, anchor=anchor))
            raise _Ended(why) from None
        except NotKnown as why:
            self.steps.append(Taken(step=step, outcome="unknown", said=why.message, anchor=anchor))
            raise _Ended(why) from None
        self.steps.append(Taken(step=step, outcome="pass", said="; ".join(said), anchor=anchor))

    def pass_over(self, step: Step, why: str) -> None:
        """Nobody asked for the step."""
        self.steps.append(Taken(step=step, outcome="not-asked", said=why))

    def all_steps(self) -> tuple[Taken, ...]:
        """The steps that were taken or passed over, and then those to which the plan did not come."""
        come_to = {each.step for each in self.steps}
        rest = (Taken(step=step, outcome="not-reached") for step in Step if step not in come_to)
        return (*self.steps, *rest)


def verify_receipt(data: bytes, demand: Demand) -> Verdict:
    """What the receipt `data` proves to whoever demands `demand`.

    Raises:
        Misconfigured, Denied, Unavailable: the results could not be read.
    """
    course = _Course()
    try:
        _follow(data, demand, course)
        answer = conclude(course.steps, demand)
    except _Ended as ended:
        clauses = ended.why.clauses if isinstance(ended.why, checks.RefusedByPolicy) else ()
        answer = NotVerified(why=ended.why, clauses=clauses)
    return Verdict(answer=answer, steps=course.all_steps(), statement=course.statement, claims=course.claims)


def conclude(steps: Sequence[Taken], demand: Demand) -> Answer:
    """The answer, where no step has failed; every `Verified` is made here."""
    passed = {each.step for each in steps if each.outcome == "pass"}
    passed_over = {each.step for each in steps if each.outcome == "not-asked"}
    if passed | passed_over != set(Step) or passed & passed_over or passed_over - _IF_ASKED:
        raise AssertionError("a step that has to hold was not taken")
    if not passed & {Step.IMAGE, Step.POLICY}:
        return NotVerified(
            why=NotKnown(
                "the receipt is in order, and whether its image may be believed is open: any image can attest"
                " any lie about its own run",
                hint="say whose word counts: --image-digest D, or --policy P",
            )
        )
    return Verified(emulator=demand.trust.emulator)


def _follow(data: bytes, demand: Demand, course: _Course) -> None:
    with course.step(Step.ENVELOPE, "the receipt's own bytes") as say:
        envelope = parse_receipt(data)
        statement = course.statement = parse_statement(envelope.payload)
        say("an envelope with a statement of a known format")

    with course.step(Step.ATTESTATION, demand.trust.described) as say:
        token = parse_token(envelope.token)
        verified, expired = checks.check_attestation(token, demand.trust, at=demand.at)
        course.claims = verified
        say(f"sealed at {moment(verified.claims.iat)}, as the token claims")
        if expired:
            say(f"{expired} since, so that this moment rests on the token's own word")

    with course.step(Step.NONCE, "SHA-256 over the statement as it stands") as say:
        checks.check_nonce(envelope.payload, verified)
        say("the token was made for this statement")

    with course.step(Step.STATEMENT, "the token's claims") as say:
        container = checks.container_of(verified)
        say(checks.check_statement(statement, verified, container))

    with course.step(Step.MACHINE, "the token's claims") as say:
        say(checks.check_machine(verified))

    with course.step(Step.OVERRIDES, "the token's claims, and the label of every image of ours") as say:
        say(checks.check_overrides(statement, container))

    with course.step(Step.NETWORK, "the statement") as say:
        say(checks.check_network(statement))

    if statement.release is None and demand.broker_key is None:
        course.pass_over(Step.RELEASE, "no broker released the model's key to the start that sealed")
    else:
        with course.step(
            Step.RELEASE, "the log of the broker that was named" if demand.broker_key else ""
        ) as say:
            say(check_release(statement, verified, container, demand.broker_key))

    unreadable = None
    if demand.results is None:
        course.pass_over(Step.RESULTS, "no results were handed in (--results)")
    else:
        with course.step(Step.RESULTS, "the digests in the statement") as say:
            unreadable = check_results(statement, demand.results)
            say(f"{len(statement.subjects)} objects as they were written, each row of its input")

    with course.step(Step.COUNTS, "the statement" if unreadable is None else "the results") as say:
        say(checks.check_counts(statement, unreadable))

    if demand.proof is None:
        course.pass_over(Step.ROW, "no row was handed in (--proof)")
    else:
        with course.step(Step.ROW, "the root of all rows in the statement") as say:
            say(checks.check_row(statement, demand.proof))

    if demand.image_digest is None:
        course.pass_over(Step.IMAGE, "no digest was demanded (--image-digest)")
    else:
        with course.step(Step.IMAGE, "the digest that was demanded") as say:
            say(checks.check_image(statement, demand.image_digest))

    if demand.policies is None:
        course.pass_over(Step.POLICY, "no policy was given (--policy)")
    else:
        with course.step(Step.POLICY, "the policy that was given") as say:
            demanded = demand.image_digest is not None
            say(checks.check_policy(demand.policies, verified, image_is_demanded=demanded))
