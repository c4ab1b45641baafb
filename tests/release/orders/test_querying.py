"""The owner, and nobody else, reads what stands and what became of the licences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, update

from contract.licence import unsafe_read_licence
from contract.owner_asks import QUERY_S, Query, sign_query
from contract.release_refusals import BrokerRefused
from release.orders.querying import answer_query
from release.store.engine import writing
from release.store.schema import licences, models
from tests.orders import BROKER, FIRST, NOW, STRANGER, THIRD, licence
from tests.release.orders.conftest import KEYS, SOLD, Owner


@pytest.mark.parametrize("key", KEYS)
def test_each_of_the_owner_s_keys_may_ask(owner: Owner, key: object) -> None:
    state = owner.ask("state", key=key)  # type: ignore[arg-type]
    assert state["documents"].keys() == {"approvals"}
    assert (state["epoch"], set(state["next"].values())) == (0, {1})
    assert bytes.fromhex(state["intake"]) == owner.broker.intake.public_key().public_bytes_raw()


def test_a_stranger_may_not(owner: Owner) -> None:
    with pytest.raises(BrokerRefused, match="none of the owner's keys signs the query") as no:
        owner.ask("state", key=STRANGER)
    assert no.value.code == "order-rejected"


@pytest.mark.parametrize("age", [-QUERY_S, QUERY_S])
def test_a_query_holds_for_a_minute(owner: Owner, age: int) -> None:
    owner.ask("state", at=NOW - age)
    later = age + (1 if age > 0 else -1)
    with pytest.raises(BrokerRefused, match=f"the query is {later} s old by the broker's clock"):
        owner.ask("state", at=NOW - later)


def test_a_query_for_another_broker_is_refused(owner: Owner) -> None:
    query = Query(broker=BROKER, ask="state", about="", at=NOW, nonce="0" * 32)
    with pytest.raises(BrokerRefused) as no:
        answer_query(owner.broker, sign_query(query, FIRST), NOW)
    assert no.value.code == "request-of-another-broker"
    with pytest.raises(BrokerRefused):
        answer_query(owner.broker, b"{}", NOW)


def test_every_model_is_listed_page_by_page(owner: Owner) -> None:
    manifests = [f"sha256:{number:064x}" for number in range(2001)]
    rows = [{"manifest": each, "model_id": "m", "version": 1, "wrapped": b""} for each in manifests]
    with writing(owner.broker.engine) as connection:
        connection.execute(insert(models), rows)
    pages = [owner.ask("models")]
    while pages[-1]["more"]:
        pages.append(owner.ask("models", pages[-1]["models"][-1].removeprefix("sha256:")))
    assert [len(page["models"]) for page in pages] == [1000, 1000, 1]
    assert [each for page in pages for each in page["models"]] == manifests


def test_no_model_is_an_empty_page(owner: Owner) -> None:
    assert owner.ask("models") == {"models": [], "more": False}


def test_a_licence_is_shown_with_its_counts(owner: Owner) -> None:
    owner.sell(SOLD)
    with writing(owner.broker.engine) as connection:
        connection.execute(update(licences).values(runs_used=2, pictures_used=30, revoked_at=NOW))
    said = owner.ask("licence", SOLD.id, key=THIRD)
    shown = said["licence"]
    assert unsafe_read_licence(shown["envelope"].encode()) == SOLD
    assert {**shown, "envelope": ""} == {
        "envelope": "",
        "revoked_at": str(NOW),
        "runs_used": "2",
        "pictures_used": "30",
        "running": 0,
    }
    assert said["leases"] == []
    with pytest.raises(BrokerRefused, match="has no licence"):
        owner.ask("licence", "0" * 32)


def test_licences_are_listed_in_pages(owner: Owner) -> None:
    many = [replace(licence(), id=f"{n:032x}") for n in range(53)]
    for each in many:
        owner.sell(each)
    first = owner.ask("licences")
    assert (len(first["licences"]), first["more"]) == (50, True)
    last = unsafe_read_licence(first["licences"][-1]["envelope"].encode()).id
    rest = owner.ask("licences", last)
    assert (len(rest["licences"]), rest["more"]) == (3, False)
    found = [
        unsafe_read_licence(each["envelope"].encode()).id for each in first["licences"] + rest["licences"]
    ]
    assert found == [each.id for each in many]
