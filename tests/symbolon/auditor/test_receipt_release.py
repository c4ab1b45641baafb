"""The release that a receipt shows is of this very run, in a log whose broker somebody names."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from attestation.errors import NotKnown
from contract.dsse import public_key_of
from contract.release_log import Logged, parse_entry, render_entry
from symbolon.auditor.receipt_plan import Demand, NotVerified, Step, Verdict, Verified, verify_receipt
from symbolon.auditor.receipt_release import ReleaseContradicted
from symbolon.auditor.receipt_roots import Trust
from tests.receipts import IMAGE, NOW, Draft, broker_identity, root

KEY = public_key_of(broker_identity())
DEMAND = Demand(trust=Trust(root=root(), described="ours"), at=NOW, image_digest=IMAGE)


def verdict(draft: Draft, *, keyed: bool = True) -> Verdict:
    return verify_receipt(draft.make(), replace(DEMAND, broker_key=KEY) if keyed else DEMAND)


def said(found: Verdict) -> str:
    (step,) = (each for each in found.steps if each.step == Step.RELEASE)
    return step.said


def test_with_the_broker_s_key_it_is_said_which_broker_released_it_and_when() -> None:
    draft = Draft()
    draft.release()
    found = verdict(draft)
    assert isinstance(found.answer, Verified)
    assert said(found) == f"released at 2027-01-15T07:48:20Z, entry 5 of the log of broker {KEY.key_id}"


def test_without_it_whose_log_that_is_stays_open_and_that_is_said() -> None:
    draft = Draft()
    draft.release()
    found = verdict(draft, keyed=False)
    assert isinstance(found.answer, Verified)
    assert "stays open: --broker-key" in said(found)


def test_a_run_without_a_broker_is_not_asked_for_one() -> None:
    found = verdict(Draft(), keyed=False)
    assert isinstance(found.answer, Verified)
    assert said(found) == "no broker released the model's key to the start that sealed"


def test_who_names_a_broker_and_finds_no_release_is_answered_neither_yes_nor_no() -> None:
    answer = verdict(Draft()).answer
    assert isinstance(answer, NotVerified)
    assert isinstance(answer.why, NotKnown)
    assert "shows no release" in answer.why.message


def test_a_later_format_of_the_log_is_not_known() -> None:
    draft = Draft()
    draft.release()
    logged = draft.predicate["release"]["logged"]
    later = base64.b64decode(logged["entry"]).replace(b'"format":1', b'"format":2')
    logged["entry"] = base64.b64encode(later).decode()
    answer = verdict(draft).answer
    assert isinstance(answer, NotVerified)
    assert isinstance(answer.why, NotKnown)


@pytest.mark.parametrize("name", ["request", "manifest", "image", "instance", "licence", "purpose"])
def test_what_differs_is_named(name: str) -> None:
    draft = Draft()
    draft.release(**{name: "another"})
    answer = verdict(draft).answer
    assert isinstance(answer, NotVerified)
    assert isinstance(answer.why, ReleaseContradicted)
    assert f"another {name}, `another`" in answer.why.message


def test_an_entry_that_commits_to_something_else_is_not_believed() -> None:
    draft = Draft()
    draft.release()
    logged = draft.predicate["release"]["logged"]
    entry = parse_entry(base64.b64decode(logged["entry"]))
    moved = render_entry(replace(entry, at=entry.at + 1))
    logged["entry"] = base64.b64encode(moved).decode()
    answer = verdict(draft).answer
    assert isinstance(answer, NotVerified)
    assert answer.why.code == "opening-of-another"
    assert Logged.__dataclass_fields__["opening"].repr is False
