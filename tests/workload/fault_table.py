"""Every fault that the platform, the network, an operator or a machine can play, at every step where it can.

A row is one real job. What must hold of it is `Expected`; `tests/workload/test_faults.py` holds all of them
to what is common: one cause gives one line, nothing is left on scratch, and once the fault is over the same
job goes on to the results of one that nothing disturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from attestation.errors import ExitCode
from emulator.faults import Call, Faults, How, Trouble
from workload.inference import Step

ALWAYS = 10**6
MODEL, PICTURES = ".tar.gz", "photos-of-secundus"
PART, RECORD, CLAIM, RECEIPT = '"top_k_predictions"', '"listing"', "start_id", "payloadType"
"""What is in an object of that kind, and so in the request that writes it."""
OIDC, PART_TOKEN, RECEIPT_TOKEN = "OIDC", "nonces", "symbolon:receipt:v1"
PASSING: tuple[How, ...] = ("429", "500", "503", "reset", "hang", "slow")
NOT_HASTY = {"call_s": 60.0}
"""What hangs does so until the test has done what it does meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How a job ends: exit code, family, and what its one line says; `…` stands for anything."""

    status: ExitCode = ExitCode.YES
    family: str = ""
    says: str = ""


WELL = Expected()


def unavailable(says: str) -> Expected:
    return Expected(status=ExitCode.UNAVAILABLE, family="unavailable", says=says)


def rejected(says: str) -> Expected:
    return Expected(status=ExitCode.REFUSED, family="evidence-rejected", says=says)


def misconfigured(says: str) -> Expected:
    return Expected(status=ExitCode.MISCONFIGURED, family="misconfigured", says=says)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault at one step. `meanwhile` names what the test does once the job's log has said `after`.

    `is_long`: left to `scripts/test --long`, where another row is much like it.
    """

    step: Step
    fault: str
    faults: Faults = field(default_factory=Faults)
    expected: Expected = WELL
    after: str = ""
    meanwhile: str = ""
    job: dict[str, Any] = field(default_factory=dict)
    folder: str = "many"
    is_long: bool = False
    resumes: bool = True
    """Whether it is started again, once the fault is over: not where that takes long, and shows nothing."""
    is_told: bool = True
    """Whether the operator's folder has `error.json` of a failure: not where it cannot be written."""

    def __str__(self) -> str:
        return f"{self.step.value}: {self.fault}"


def _troubles(*troubles: Trouble, **more: Any) -> Faults:
    return Faults(troubles=troubles, **more)


def _passes_or_stays(
    step: Step,
    call: Call,
    says: Callable[[How], str],
    *,
    what: str,
    of: str = "",
    short: tuple[How, ...] = (),
    **more: Any,
) -> Iterator[Row]:
    """Once each of `PASSING`, one after the other, ends well; each of them for ever is unavailable."""
    pairs = (PASSING[:3], PASSING[3:])
    for hows in pairs:
        yield Row(
            step=step,
            fault=f"{what}: {', '.join(hows)}, once each",
            faults=_troubles(*(Trouble(call=call, how=how, of=of) for how in hows)),
            is_long=not short,
        )
    for how in PASSING:
        if how != "slow":
            yield Row(
                step=step,
                fault=f"{what}: {how} for ever",
                faults=_troubles(Trouble(call=call, how=how, of=of, times=ALWAYS)),
                expected=unavailable(says(how)),
                is_long=how not in short,
                **more,
            )


def _stopped_while_nobody_answers(step: Step, hang: Trouble, *, after: str) -> Row:
    return Row(
        step=step,
        fault="SIGTERM while nobody answers",
        faults=_troubles(hang),
        job=NOT_HASTY,
        after=after,
        meanwhile="stop",
        expected=unavailable("the job was stopped before its end"),
    )


def _service(host: str) -> Callable[[How], str]:
    return lambda how: f"`{host}` answers {how}" if how.isdigit() else f"`{host}` cannot be reached"


def _socket(how: How) -> str:
    return f"it answers {how}" if how.isdigit() else "the launcher's socket does not answer"


def _unreached(what: str) -> Callable[[How], str]:
    return lambda _how: f"{what}…cannot be reached"


def _rows() -> Iterator[Row]:
    yield from _passes_or_stays(Step.ATTEST, "socket", _socket, what="socket", of=OIDC, short=("503",))
    yield Row(
        step=Step.ATTEST,
        fault="token expired when it is minted",
        faults=Faults(expired_tokens=True),
        expected=rejected("STS refuses the exchange"),
    )
    yield Row(
        step=Step.ATTEST,
        fault="token not valid yet: the verifier's clock is 10 minutes ahead",
        faults=Faults(clock_skew_s=600),
        expected=rejected("STS refuses the exchange"),
    )
    yield Row(
        step=Step.ATTEST,
        fault="the verifier's clock is 10 minutes behind",
        faults=Faults(clock_skew_s=-600),
        is_long=True,
    )
    for ahead_s in (-600, 600):
        yield Row(
            step=Step.ATTEST,
            fault=f"the machine's clock is {ahead_s:+} s off",
            job={"clock_ahead_s": ahead_s},
            is_long=ahead_s > 0,
        )

    yield Row(
        step=Step.WRITE,
        fault="nobody answers where the proxy was",
        job={"proxy": "http://127.0.0.1:1"},
        expected=unavailable("RESULT_URI…cannot be reached"),
        resumes=False,
        is_told=False,
    )
    yield from _passes_or_stays(
        Step.EXCHANGE, "sts", _service("sts.googleapis.com"), what="STS", short=("429", "reset")
    )
    yield _stopped_while_nobody_answers(
        Step.EXCHANGE, Trouble(call="sts", how="hang", times=ALWAYS), after="asking the owner's condition"
    )
    yield from _passes_or_stays(
        Step.IMPERSONATE, "iam", _service("iamcredentials.googleapis.com"), what="IAM", short=("500", "hang")
    )
    yield Row(
        step=Step.IMPERSONATE,
        fault="both credentials live shorter than the job",
        faults=Faults(access_token_lifetime_s=2),
    )

    yield from _passes_or_stays(
        Step.FETCH, "read", _unreached("the owner's model"), what="model", of=MODEL, short=("503",)
    )
    for percent in (1, 50, 99):
        yield Row(
            step=Step.FETCH,
            fault=f"download cut at {percent} %",
            faults=_troubles(Trouble(call="read", how="cut", of=MODEL, percent=percent)),
        )
    yield Row(
        step=Step.FETCH,
        fault="every download is cut at 0 %",
        faults=_troubles(Trouble(call="read", how="cut", of=MODEL, percent=0, times=ALWAYS)),
        expected=unavailable("the owner's model cannot be reached"),
    )
    yield Row(
        step=Step.FETCH,
        fault="a download trickles",
        faults=_troubles(Trouble(call="read", how="trickle", of=MODEL)),
    )
    yield Row(
        step=Step.FETCH,
        fault="every download trickles",
        faults=_troubles(Trouble(call="read", how="trickle", of=MODEL, times=ALWAYS)),
        expected=unavailable("the owner's model cannot be reached"),
        is_long=True,
    )
    yield Row(
        step=Step.FETCH,
        fault="model replaced in mid-download",
        faults=_troubles(
            Trouble(call="read", how="cut", of=MODEL), Trouble(call="read", how="hang", of=MODEL)
        ),
        job=NOT_HASTY,
        meanwhile="replace the model",
        expected=unavailable("the owner's model was replaced or deleted while it arrived"),
    )
    yield Row(
        step=Step.FETCH,
        fault="SIGTERM",
        faults=Faults(download_bytes_per_s=100),
        after="fetching the model",
        meanwhile="stop",
        expected=unavailable("the job was stopped before its end"),
    )
    yield Row(
        step=Step.FETCH,
        fault="SIGTERM while nothing is answered",
        faults=_troubles(
            Trouble(call="read", how="hang", of=MODEL, times=ALWAYS),
            Trouble(call="stat", how="hang", times=ALWAYS),
        ),
        job=NOT_HASTY,
        after="fetching the model",
        meanwhile="stop",
        expected=unavailable("the job was stopped before its end"),
        is_told=False,
    )
    yield Row(
        step=Step.FETCH,
        fault="tmpfs full",
        job={"tmpfs": "64k"},
        expected=misconfigured("the model does not fit into the machine's scratch memory"),
    )
    yield Row(
        step=Step.VERIFY,
        fault="corrupted byte",
        faults=_troubles(Trouble(call="read", how="corrupt", of=MODEL)),
        expected=rejected("the model in the bucket is not the one"),
    )
    yield Row(
        step=Step.LOAD,
        fault="tmpfs full",
        job={"tmpfs": "300k"},
        expected=misconfigured("the model does not fit into the machine's scratch memory"),
    )

    yield from _passes_or_stays(
        Step.INFER, "list", _unreached("INPUT_URI"), what="listing", of=PICTURES, short=("503",)
    )
    yield from _passes_or_stays(
        Step.INFER,
        "read",
        _unreached("a picture in `gs://photos-of-secundus`"),
        what="picture",
        of=PICTURES,
        short=("503",),
    )
    yield Row(
        step=Step.INFER,
        fault="metadata server: 500 in mid-run, once",
        faults=_troubles(Trouble(call="metadata", how="500", after=3), access_token_lifetime_s=2),
    )
    yield Row(
        step=Step.INFER,
        fault="metadata server: gone in mid-run",
        faults=_troubles(
            Trouble(call="metadata", how="503", after=3, times=ALWAYS), access_token_lifetime_s=2
        ),
        expected=unavailable("answers 503"),
        is_told=False,
    )
    yield Row(
        step=Step.INFER,
        fault="three reads hang",
        faults=_troubles(Trouble(call="read", how="hang", of=PICTURES, times=3)),
    )
    yield Row(
        step=Step.INFER,
        fault="two pictures trickle",
        faults=_troubles(Trouble(call="read", how="trickle", of=PICTURES, times=2)),
    )
    yield Row(
        step=Step.INFER,
        fault="every picture trickles",
        faults=_troubles(Trouble(call="read", how="trickle", of=PICTURES, times=ALWAYS)),
        expected=unavailable("a picture in `gs://photos-of-secundus`…cannot be reached"),
        is_long=True,
    )
    yield Row(
        step=Step.INFER,
        fault="pictures cut, and a corrupted byte",
        faults=_troubles(
            Trouble(call="read", how="cut", of=PICTURES, times=2),
            Trouble(call="read", how="corrupt", of=PICTURES),
        ),
    )
    yield Row(
        step=Step.INFER,
        fault="SIGTERM",
        faults=Faults(storage_latency_ms=300),
        after="running ",
        meanwhile="stop",
        expected=unavailable("the job was stopped before its end"),
    )
    yield Row(
        step=Step.INFER,
        fault="SIGTERM during slow pictures",
        folder="slow",
        resumes=False,
        after="running ",
        meanwhile="stop",
        expected=unavailable("the job was stopped before its end"),
    )
    yield Row(
        step=Step.INFER,
        fault="out of memory by a picture",
        faults=_troubles(Trouble(call="read", how="hang", of=PICTURES, times=ALWAYS)),
        job=NOT_HASTY,
        folder="large",
        after="running ",
        meanwhile="take its memory",
        expected=misconfigured("the machine has too little memory for the job"),
    )

    folder = "RESULT_URI"
    for call, of, what, short in (
        ("write", CLAIM, "claim", ()),
        ("write", RECORD, "job.json", ()),
        ("write", PART, "part", ("503",)),
        ("stat", "claim.json", "look at the claim", ()),
    ):
        yield from _passes_or_stays(
            Step.WRITE,
            call,  # type: ignore[arg-type]
            _unreached(folder),
            what=what,
            of=of,
            short=short,  # type: ignore[arg-type]
            is_told=call == "write",
        )
    yield from _passes_or_stays(
        Step.WRITE, "socket", _socket, what="socket for a part", of=PART_TOKEN, short=("503",)
    )
    for of, what in ((CLAIM, "claim"), (RECORD, "job.json"), (PART, "part"), (RECEIPT, "receipt")):
        yield Row(
            step=Step.SEAL if of == RECEIPT else Step.WRITE,
            fault=f"{what} written, and the answer lost",
            faults=_troubles(Trouble(call="write", how="lost", of=of)),
        )
    yield Row(
        step=Step.WRITE,
        fault="socket gone in mid-run",
        faults=_troubles(Trouble(call="read", how="hang", of=PICTURES, times=ALWAYS)),
        job=NOT_HASTY,
        after="running ",
        meanwhile="remove the socket",
        expected=unavailable("the launcher's socket does not answer"),
    )
    yield Row(
        step=Step.WRITE,
        fault="tmpfs full",
        faults=_troubles(Trouble(call="read", how="hang", of=PICTURES, times=ALWAYS)),
        job={"tmpfs": "1m", **NOT_HASTY},
        after="running ",
        meanwhile="fill its scratch space",
        expected=misconfigured("does not fit into the machine's scratch memory"),
    )

    yield from _passes_or_stays(
        Step.SEAL, "socket", _socket, what="socket for the receipt", of=RECEIPT_TOKEN, short=("500",)
    )
    yield from _passes_or_stays(Step.SEAL, "write", _unreached(folder), what="receipt", of=RECEIPT)
    yield _stopped_while_nobody_answers(
        Step.SEAL,
        Trouble(call="socket", how="hang", of=RECEIPT_TOKEN, times=ALWAYS),
        after="results are in",
    )


TABLE: tuple[Row, ...] = tuple(_rows())
"""Without Measure, which is the launcher's: it has ended, or failed, before there is a program."""
