"""A verified receipt, of the very lease, brings unused pictures back, once; nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from attestation.digests import Digest
from contract.canonical import render_canonical
from contract.receipt import AUDIENCE, nonce_of, render_receipt
from contract.release import Release, audience_of
from contract.release_log import find_opening, logged_members, parse_entry
from contract.release_refusals import BrokerRefused
from release.reporting import report
from release.store import schema
from release.store.engine import reading, writing
from tests.receipts import results_of, statement_of
from tests.release.brokers import MANIFEST, NOW, World, clock_at, token_of
from tests.tokens import production_claims

END = NOW + 100
OTHER = Digest("sha256:" + "0" * 64)
ROWS = 4


def receipt_of(answer: Release | None, *, at: int = END, instance: str = "", **changes: Any) -> bytes:
    """The receipt of the job that ran by that answer; `changes` are the token's, or of `statement` below."""
    statement = statement_of(results_of(ROWS), ROWS)
    predicate = statement["predicate"]
    predicate["model"]["sealed_manifest"] = MANIFEST
    if answer is not None:
        predicate["release"] = {"request": answer.request, "logged": logged_members(answer.logged)}
    for path, value in changes.pop("statement", {}).items():
        part, _, name = path.partition(".")
        predicate[part][name] = value
    payload = render_canonical(statement)
    claims = production_claims(aud=AUDIENCE, eat_nonce=nonce_of(payload), iat=at, nbf=at, exp=at + 3600)
    if instance:
        claims["submods"]["gce"]["instance_id"] = instance
    if "image" in changes:
        claims["submods"]["container"]["image_digest"] = changes.pop("image")
    return render_receipt(payload, token_of(claims | changes)).encode()


def test_unused_pictures_come_back_and_the_lease_ends(world: World) -> None:
    licence = world.license(pictures=10, at_once=1)
    answer = world.release()
    with pytest.raises(BrokerRefused):
        world.release(pictures=1)
    said = json.loads(report(world.broker, receipt_of(answer), clock_at(END)))
    assert said == {"version": 1, "lease": answer.lease, "returned": "6"}
    assert world.counts() == {"runs": 1, "pictures": 4, "releases": 1, "renewals": 0, "entries": 2}
    with reading(world.broker.engine) as connection:
        leaf = connection.execute(select(schema.log_entries.c.leaf).where(schema.log_entries.c.position == 1))
        opening = find_opening(parse_entry(leaf.scalar_one()), licence.secret)
    assert opening is not None and (opening.kind, opening.at) == ("return", END)
    assert (opening.said["lease"], opening.said["rows"], opening.said["returned"]) == (answer.lease, "4", "6")
    world.release(END, pictures=6, instance="2")


def test_the_same_report_again_returns_nothing_more(world: World) -> None:
    receipt = receipt_of(world.release())
    first = report(world.broker, receipt, clock_at(END))
    counts = world.counts()
    assert report(world.broker, receipt, clock_at(END + 1)) == first
    assert world.counts() == counts


def test_another_report_of_the_same_lease_returns_nothing_more(world: World) -> None:
    answer = world.release()
    first = report(world.broker, receipt_of(answer), clock_at(END))
    counts = world.counts()
    fewer = receipt_of(answer, statement={"rows.size": 0})
    assert report(world.broker, fewer, clock_at(END)) == first
    assert world.counts() == counts


def test_more_rows_than_were_reserved_return_nothing(world: World) -> None:
    """A job that was started again has the rows of its earlier starts in its receipt too."""
    report(world.broker, receipt_of(world.release(pictures=3)), clock_at(END))
    assert world.counts()["pictures"] == 3


def test_a_job_with_a_row_for_each_picture_returns_nothing_and_ends_its_lease(world: World) -> None:
    """As the workload's own image reports: a picture that could not be read has its row, and is used."""
    world.license(pictures=2 * ROWS, at_once=1)
    answer = world.release(pictures=ROWS)
    receipt = receipt_of(answer, statement={"counts.unreadable": ROWS - 1})
    assert json.loads(report(world.broker, receipt, clock_at(END)))["returned"] == "0"
    assert world.counts()["pictures"] == ROWS
    world.release(END, pictures=ROWS, instance="2")


def test_a_lease_that_was_renewed_is_reported_by_either_request(world: World) -> None:
    first = world.release()
    renewed = world.renew(first.lease, NOW + 50)
    report(world.broker, receipt_of(renewed), clock_at(END))
    assert world.counts()["pictures"] == 4


def test_a_lease_that_is_over_may_be_reported(world: World) -> None:
    answer = world.release()
    report(world.broker, receipt_of(answer, at=NOW + 4000), clock_at(NOW + 4000))
    assert world.counts()["pictures"] == 4


def test_pictures_come_back_to_a_licence_that_was_revoked(world: World) -> None:
    answer = world.release()
    world.revoke()
    report(world.broker, receipt_of(answer), clock_at(END))
    assert world.counts()["pictures"] == 4


def test_a_lease_that_was_reported_is_not_renewed(world: World) -> None:
    answer = world.release()
    report(world.broker, receipt_of(answer), clock_at(END))
    with pytest.raises(BrokerRefused) as refused:
        world.renew(answer.lease, END)
    assert refused.value.code == "lease-ended"


def test_a_lease_that_the_owner_ended_brings_nothing_back(world: World) -> None:
    """What a restore gives up may have been used: none of it comes back."""
    answer = world.release()
    with writing(world.broker.engine) as connection:
        connection.execute(update(schema.leases).values(ended_at=NOW + 1))
    refused(world, "report-rejected", receipt_of(answer))


REJECTED = [
    pytest.param({"image": OTHER}, id="of another image"),
    pytest.param({"instance": "2"}, id="of another machine"),
    pytest.param({"aud": audience_of(OTHER)}, id="whose token is for a broker"),
    pytest.param({"eat_nonce": nonce_of(b"{}")}, id="whose token is another receipt's"),
    pytest.param({"symbolon_emulator": True}, id="that an emulator sealed"),
    pytest.param({"at": NOW - 31}, id="that was sealed before the lease"),
    pytest.param({"at": END - 3600}, id="whose token has expired"),
    pytest.param({"statement": {"image.digest": OTHER}}, id="that says another image"),
    pytest.param({"statement": {"model.sealed_manifest": OTHER}}, id="that says another model"),
    pytest.param({"statement": {"model.sealed_manifest": None}}, id="that says no sealed model"),
]


@pytest.mark.parametrize("changes", REJECTED)
def test_a_receipt_is_rejected(world: World, changes: dict[str, Any]) -> None:
    refused(world, "report-rejected", receipt_of(world.release(), **changes))


def test_a_receipt_of_no_release_is_rejected(world: World) -> None:
    refused(world, "report-rejected", receipt_of(None))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 100], ids=["empty", "an object", "bytes"])
def test_what_is_no_receipt_is_rejected(world: World, data: bytes) -> None:
    refused(world, "report-rejected", data)


def test_a_receipt_of_a_release_that_the_broker_does_not_know_is_refused(world: World) -> None:
    answer = world.release()
    with writing(world.broker.engine) as connection:
        connection.execute(schema.releases.delete())
    refused(world, "lease-unknown", receipt_of(answer))


def refused(world: World, code: str, receipt: bytes) -> None:
    before = world.counts()
    with pytest.raises(BrokerRefused) as caught:
        report(world.broker, receipt, clock_at(END))
    assert caught.value.code == code, caught.value.message
    assert world.counts() == before
