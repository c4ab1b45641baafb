"""An order is done once, in its turn, by enough signatures, and is in the log when it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any, NoReturn

import pytest

from attestation.digests import digest_of
from contract.approvals import make_approvals, render_approvals
from contract.checkpoint import verify_logged
from contract.dsse import public_key_of
from contract.licence import sign_licence
from contract.orders import render_document, render_revocation
from contract.release_log import Opening, check_opening, parse_entry, parse_logged
from contract.release_refusals import REFUSALS, BrokerRefused
from release.broker import Broker
from release.orders import applying
from release.orders.applying import apply
from tests.orders import FIRST, NOW, SECOND, STRANGER, THIRD, order
from tests.release.orders.conftest import POLICY, SOLD, Owner


def refused(owner: Owner, code: str, document: bytes) -> str:
    before = owner.ask("state")
    with pytest.raises(BrokerRefused) as no:
        owner.send(document)
    assert no.value.code == code
    assert owner.ask("state") == before
    return no.value.message


def test_a_policy_that_two_of_three_keys_sign_stands_and_is_in_the_log(owner: Owner) -> None:
    said = owner.order("policy", POLICY, SECOND, FIRST)
    digest = digest_of(POLICY)
    assert (said["type"], said["sequence"], said["new"], said["index"]) == ("policy", 1, digest, "0")
    state = owner.ask("state")
    assert state["documents"]["policy"]["digest"] == digest
    assert (state["next"]["policy"], state["next"]["licence"], state["log"]["size"]) == (2, 1, "1")
    (entry,) = owner.log()
    assert isinstance(entry, Opening)
    assert (entry.kind, entry.at, entry.said["type"], entry.said["old"]) == ("order", NOW, "policy", "")
    ids = sorted(public_key_of(key).key_id for key in (FIRST, SECOND))
    assert (entry.said["new"], entry.said["signed_by"]) == (digest, " ".join(ids))


def test_one_signature_is_too_few_for_what_needs_two(owner: Owner) -> None:
    says = refused(owner, "order-rejected", owner.make("policy", POLICY, FIRST))
    assert says == "1 of the owner's keys sign the order, which needs 2"
    refused(owner, "order-rejected", owner.make("policy", POLICY))


def test_a_stranger_s_signature_is_no_second_one_and_spoils_two_others(owner: Owner) -> None:
    says = refused(owner, "order-rejected", owner.make("policy", POLICY, FIRST, STRANGER))
    assert "none of those that may" in says
    refused(owner, "order-rejected", owner.make("policy", POLICY, FIRST, SECOND, STRANGER))


def test_the_same_order_sent_again_has_the_same_answer_and_does_nothing(owner: Owner) -> None:
    document = owner.make("policy", POLICY, FIRST, SECOND)
    first = owner.send(document)
    owner.now += 1000
    assert owner.send(document) == first
    assert owner.ask("state")["log"]["size"] == "1"


def test_an_order_cannot_be_played_again_once_another_followed(owner: Owner) -> None:
    old = owner.make("policy", POLICY, FIRST, SECOND)
    owner.send(old)
    owner.order("policy", POLICY + b" ", FIRST, SECOND)
    owner.send(old)
    assert owner.ask("state")["documents"]["policy"]["digest"] == digest_of(POLICY + b" ")


WRONG = {
    "it is of the next number but one": (
        {"sequence": 3},
        "is number 3 of its type, `policy`, and the next is 2",
    ),
    "its number was used": ({"sequence": 1}, "is number 1 of its type"),
    "it is of an epoch to come": ({"epoch": 1}, "is of epoch 1, and the broker's is 0"),
    "it would replace something else": ({"old": digest_of(b"another")}, "and what stands is `sha256:"),
}


@pytest.mark.parametrize(("change", "says"), WRONG.values(), ids=WRONG)
def test_an_order_out_of_turn_does_nothing(owner: Owner, change: dict[str, Any], says: str) -> None:
    owner.order("policy", POLICY, FIRST, SECOND)
    document = owner.make("policy", POLICY + b" ", FIRST, SECOND, **change)
    assert says in refused(owner, "order-out-of-turn", document)


@pytest.mark.parametrize("change", [each for each, _ in WRONG.values()], ids=WRONG)
def test_a_stranger_s_order_out_of_turn_is_not_told_what_stands(owner: Owner, change: dict[str, Any]) -> None:
    owner.order("policy", POLICY, FIRST, SECOND)
    for keys in ((), (STRANGER,)):
        document = owner.make("policy", POLICY + b" ", *keys, **change)
        says = refused(owner, "order-rejected", document)
        assert "the next is" not in says and "what stands" not in says and "epoch" not in says


def test_a_stranger_takes_nobody_s_turn(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    document = owner.make("policy", POLICY, STRANGER)

    def locks(*_: object) -> NoReturn:
        raise AssertionError("a transaction that writes was begun")

    monkeypatch.setattr(applying, "writing", locks)
    with pytest.raises(BrokerRefused) as no:
        owner.send(document)
    assert no.value.code == "order-rejected"


def test_an_order_for_another_broker_does_nothing(owner: Owner) -> None:
    document = owner.make("policy", POLICY, FIRST, SECOND, broker=digest_of(b"another"))
    refused(owner, "request-of-another-broker", document)


@pytest.mark.parametrize(
    "document", [b"", b"{}", render_document(order("policy", b"{}", FIRST, SECOND)) + b"\n"]
)
def test_what_is_no_order_does_nothing(owner: Owner, document: bytes) -> None:
    refused(owner, "request-malformed", document)


def test_the_list_of_keys_changes_by_the_old_list_alone(owner: Owner) -> None:
    new = render_approvals(make_approvals((public_key_of(THIRD), public_key_of(STRANGER)), 1))
    refused(owner, "order-rejected", owner.make("approvals", new, THIRD, STRANGER))
    refused(owner, "order-rejected", owner.make("approvals", new, THIRD))
    document = owner.make("approvals", new, FIRST, SECOND)
    first = owner.send(document)
    assert owner.send(document) == first, "though who signed it may sign no longer"
    with pytest.raises(BrokerRefused):
        owner.ask("state")
    assert owner.ask("state", key=STRANGER)["documents"]["approvals"]["digest"] == digest_of(new)


def test_a_policy_that_was_signed_before_the_list_changed_is_signed_by_nobody_now(owner: Owner) -> None:
    waiting = owner.make("policy", POLICY, FIRST, SECOND)
    keys = tuple(map(public_key_of, (FIRST, THIRD)))
    owner.order("approvals", render_approvals(make_approvals(keys, 2)), FIRST, SECOND)
    refused(owner, "order-rejected", waiting)


def test_an_order_waits_for_its_second_signature_while_licences_are_sold(owner: Owner) -> None:
    waiting = owner.make("policy", POLICY, FIRST, SECOND)
    owner.sell(SOLD)
    owner.send(waiting)
    assert owner.ask("state")["documents"]["policy"]["digest"] == digest_of(POLICY)


def test_what_one_key_may_order_needs_one_and_a_stranger_may_nothing(owner: Owner) -> None:
    envelope = owner.sell(SOLD)
    body, old = render_revocation(SOLD.id), digest_of(envelope)
    refused(owner, "order-rejected", owner.make("revoke", body, STRANGER, old=old))
    refused(owner, "order-rejected", owner.make("revoke", body, old=old))
    owner.order("revoke", body, THIRD, old=old)
    assert owner.row(SOLD.id).revoked_at == NOW


class _NotReady:
    def check_ready(self) -> None:
        raise REFUSALS["broker-not-ready"].error()


def test_a_broker_whose_log_is_not_whole_takes_no_order(owner: Owner) -> None:
    document = owner.make("policy", POLICY, FIRST, SECOND)
    behind: Broker = replace(owner.broker, log=_NotReady())  # type: ignore[arg-type]
    with pytest.raises(BrokerRefused) as no:
        apply(behind, document, NOW)
    assert no.value.code == "broker-not-ready"
    owner.send(document)


def test_an_answer_proves_that_the_log_has_the_order(owner: Owner) -> None:
    said = owner.order("policy", POLICY, FIRST, SECOND)
    logged = parse_logged(said["logged"])
    assert verify_logged(logged, public_key_of(owner.broker.identity)).size == logged.index + 1 == 1
    assert check_opening(parse_entry(logged.entry), logged.opening).said["new"] == digest_of(POLICY)


@pytest.mark.parametrize("type_", ["licence", "revoke"])
def test_an_order_about_a_licence_is_answered_the_same_again_as_well(owner: Owner, type_: str) -> None:
    envelope = sign_licence(SOLD, FIRST)
    sale = owner.make("licence", envelope, FIRST, SECOND)
    first = owner.send(sale)
    if type_ == "revoke":
        sale = owner.make("revoke", render_revocation(SOLD.id), FIRST, old=digest_of(envelope))
        first = owner.send(sale)
    assert owner.send(sale) == first
    assert first["logged"] is not None


class _WithoutWitness(_NotReady):
    def logged(self, index: int, *, entry: bytes, opening: bytes) -> None:
        raise REFUSALS["broker-not-ready"].error()


def test_to_revoke_is_always_possible(owner: Owner) -> None:
    """Where nothing can be signed or released, the owner can still take back."""
    old = digest_of(owner.sell(SOLD))
    owner.broker = replace(owner.broker, log=_WithoutWitness())  # type: ignore[arg-type]
    said = owner.order("revoke", render_revocation(SOLD.id), FIRST, old=old)
    assert (said["logged"], owner.row(SOLD.id).revoked_at) == (None, NOW)


def test_an_order_that_arrives_many_times_at_once_is_done_once(owner: Owner) -> None:
    document = owner.make("policy", POLICY, FIRST, SECOND)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: owner.send(document), range(16)))
    assert {(each["sequence"], each["index"]) for each in answers} == {(1, "0")}
    assert owner.ask("state")["log"]["size"] == "1"


def test_of_orders_that_would_replace_the_same_one_alone_does(owner: Owner) -> None:
    documents = [owner.make("policy", POLICY + b" " * n, FIRST, SECOND) for n in range(8)]

    def sent(document: bytes) -> bool:
        try:
            owner.send(document)
        except BrokerRefused as no:
            assert no.code == "order-out-of-turn"
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(sent, documents)) == 1
    assert owner.ask("state")["log"]["size"] == "1"


def test_no_order_that_was_altered_is_done(owner: Owner) -> None:
    document = owner.make("revoke", render_revocation(SOLD.id), FIRST, old=digest_of(owner.sell(SOLD)))
    random = Random(14)
    for _ in range(1_000):
        altered = bytearray(document)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(altered))
            match random.randrange(3):
                case 0:
                    altered[at] ^= 1 << random.randrange(8)
                case 1:
                    del altered[at : at + random.randint(1, 40)]
                case _:
                    altered[at:at] = random.randbytes(random.randint(1, 4))
        if bytes(altered) == document:
            continue
        with pytest.raises(BrokerRefused):
            apply(owner.broker, bytes(altered), NOW)
    assert owner.row(SOLD.id).revoked_at is None
