"""A key is released once for a challenge, to whom the licence is for, and counted: on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from attestation.errors import Unavailable
from contract.dsse import public_key_of
from contract.release import (
    CHALLENGE_S,
    REPEATED_S,
    Call,
    audience_of,
    parse_call,
    render_call,
    request_digest,
)
from contract.release_log import check_opening, find_opening, parse_entry, parse_opening
from release import ledger
from release.store import schema
from release.store.engine import reading, writing
from tests.release.brokers import (
    IMAGE,
    LICENCE_ID,
    MANIFEST,
    NOW,
    ONE,
    OTHER,
    World,
    challenge_of,
    claims_for,
    policy_text,
    refused,
    token_of,
)
from tests.tokens import production_claims


def test_the_key_is_released_counted_and_logged(world: World) -> None:
    asking = world.ask()
    answer = world.answer(asking)
    assert world.counts() == ONE
    assert (answer.request, answer.pictures) == (request_digest(asking.request), 10)
    assert (answer.lease_s, answer.lease_ends_at) == (3600, NOW + 3600)


def test_the_entry_opens_by_the_licence_s_secret_and_says_what_happened(world: World) -> None:
    licence = world.license()
    answer = world.release()
    entry = parse_entry(answer.logged.entry)
    opening = find_opening(entry, licence.secret)
    assert opening == parse_opening(answer.logged.opening) == check_opening(entry, answer.logged.opening)
    assert opening is not None and (opening.kind, opening.at) == ("release", NOW)
    expected = {
        "licence": LICENCE_ID,
        "serial": "1",
        "holder": "workload-sa@secundus.iam.gserviceaccount.com",
        "manifest": MANIFEST,
        "image": IMAGE,
        "project": "secundus",
        "instance": "1234567890123456789",
        "request": answer.request,
        "lease": answer.lease,
        "purpose": "release",
        "pictures": "10",
        "ends_at": str(NOW + 3600),
    }
    assert dict(opening.said) == expected


def test_the_entry_shows_an_outsider_nobody_s_name(world: World) -> None:
    entry = world.release().logged.entry
    assert all(each.encode() not in entry for each in ("secundus", LICENCE_ID, MANIFEST, IMAGE))


def test_no_row_has_the_model_s_key_in_it(world: World) -> None:
    world.release()
    with reading(world.broker.engine) as connection:
        for table in schema.METADATA.sorted_tables:
            for row in connection.execute(select(table)):
                assert b"k" * 32 not in b"".join(each for each in row if isinstance(each, bytes))


CHALLENGES = [
    pytest.param({"challenge": "0" * 64}, NOW, "challenge-unknown", id="that the broker never gave"),
    pytest.param({}, NOW + CHALLENGE_S, "challenge-expired", id="of a minute ago"),
]


@pytest.mark.parametrize(("changes", "now", "code"), CHALLENGES)
def test_a_challenge_is_refused(world: World, changes: dict[str, Any], now: int, code: str) -> None:
    refused(world, code, world.ask(**changes), now=now)


def test_a_challenge_holds_until_its_last_second(world: World) -> None:
    world.answer(world.ask(), NOW + CHALLENGE_S - 1)


def test_another_request_with_a_used_challenge_is_refused(world: World) -> None:
    first = world.ask()
    second = world.ask(challenge=challenge_of(first))
    world.answer(first)
    refused(world, "challenge-used", second)
    assert world.counts() == ONE


def test_a_refused_request_leaves_the_challenge_to_another(world: World) -> None:
    bad = world.ask(pictures=10**13)
    refused(world, "pictures-used-up", bad)
    world.release(challenge=challenge_of(bad))


def test_a_repeated_request_gets_the_same_answer_and_counts_once(world: World) -> None:
    asking = world.ask()
    first = world.answer(asking)
    again = world.answer(asking, NOW + REPEATED_S - 1)
    assert again == replace(first, lease_s=first.lease_s - REPEATED_S + 1, logged=again.logged)
    assert again.logged.entry == first.logged.entry
    assert again.logged.index == first.logged.index
    assert world.counts() == ONE


def test_a_repeated_request_may_come_with_a_new_token(world: World) -> None:
    asking = world.ask()
    world.answer(asking)
    token = token_of(claims_for(asking.request, broker=world.broker.digest, at=NOW + 40))
    call = render_call(Call(request=asking.request, token=token))
    world.answer(replace(asking, call=call), NOW + 40)
    assert world.counts() == ONE


def test_a_request_is_not_repeated_after_ten_minutes(world: World) -> None:
    asking = world.ask()
    world.answer(asking)
    refused(world, "challenge-expired", asking, now=NOW + REPEATED_S)


def test_a_request_is_not_repeated_after_its_lease(world: World) -> None:
    world.license(lease_s=60)
    asking = world.ask()
    world.answer(asking)
    refused(world, "lease-ended", asking, now=NOW + 60)


def test_a_request_is_not_repeated_once_the_licence_is_revoked(world: World) -> None:
    asking = world.ask()
    world.answer(asking)
    world.revoke()
    refused(world, "licence-revoked", asking, now=NOW + 1)


def test_a_request_is_not_repeated_to_another_machine(world: World) -> None:
    """Even one that was given a token for it, as no platform does."""
    asking = world.ask()
    world.answer(asking)
    claims = claims_for(asking.request, broker=world.broker.digest, instance="2")
    call = render_call(Call(request=asking.request, token=token_of(claims)))
    refused(world, "lease-of-another", replace(asking, call=call))


def test_a_request_is_repeated_to_a_licence_that_is_used_up_since(world: World) -> None:
    world.license(runs=1)
    asking = world.ask()
    world.answer(asking)
    world.answer(asking, NOW + 1)
    refused(world, "licence-used-up", now=NOW + 2)


def test_a_stolen_token_is_worth_nothing(world: World) -> None:
    """Whoever has another machine's token has no request of their own that it speaks for."""
    victim = world.ask()
    thief = world.ask(challenge=challenge_of(victim))
    call = render_call(Call(request=thief.request, token=parse_call(victim.call).token))
    refused(world, "broker-nonce-mismatch", replace(thief, call=call))
    assert world.answer(victim).sealed


def test_a_replayed_call_opens_nothing_and_counts_nothing(world: World) -> None:
    victim = world.ask()
    world.answer(victim)
    thief = world.ask()
    with pytest.raises(Exception, match="does not open here"):
        world.answer(replace(victim, private=thief.private))
    assert world.counts() == ONE


def test_a_stolen_lease_is_worth_nothing(world: World) -> None:
    """Its name is no bearer: another machine of the same holder, with the same image, renews nothing."""
    lease = world.release().lease
    refused(world, "lease-of-another", purpose="renew", lease=lease, pictures=0, instance="2")
    world.renew(lease)


def test_a_renewal_counts_nothing_and_has_no_key(world: World) -> None:
    world.license(runs=1, pictures=10, at_once=1)
    first = world.release()
    renewed = world.renew(first.lease, NOW + 3000)
    assert world.counts() == ONE | {"renewals": 1, "entries": 2}
    assert (renewed.lease, renewed.sealed, renewed.pictures) == (first.lease, None, 10)
    assert (renewed.lease_ends_at, renewed.lease_s) == (NOW + 6600, 3600)
    assert world.renew(first.lease, NOW + 6599).lease_ends_at == NOW + 6599 + 3600


def test_a_renewal_needs_a_challenge_and_a_token_of_its_own(world: World) -> None:
    asking = world.ask()
    lease = world.answer(asking).lease
    used = world.ask(challenge=challenge_of(asking), purpose="renew", lease=lease, pictures=0)
    refused(world, "challenge-used", used)
    fresh = world.ask(purpose="renew", lease=lease, pictures=0)
    old = render_call(Call(request=fresh.request, token=parse_call(asking.call).token))
    refused(world, "broker-nonce-mismatch", replace(fresh, call=old))


RENEWALS = [
    pytest.param({"lease": "0" * 32}, 10, "lease-unknown", id="of a lease that nobody has"),
    pytest.param({}, 3600, "lease-ended", id="when the lease has ended"),
    pytest.param({"instance": "2"}, 10, "lease-of-another", id="by another machine"),
    pytest.param({"manifest": OTHER}, 10, "lease-of-another", id="for another model"),
    pytest.param({"licence": "2" * 32}, 10, "lease-of-another", id="under another licence"),
    pytest.param({"image": OTHER}, 10, "lease-of-another", id="in another image"),
]


@pytest.mark.parametrize(("changes", "after", "code"), RENEWALS)
def test_a_renewal_is_refused(world: World, changes: dict[str, Any], after: int, code: str) -> None:
    world.license(images=(IMAGE, OTHER))
    world.license(id="2" * 32)
    world.add_model(OTHER)
    world.set_policy(policy_text('assertion.swname == "CONFIDENTIAL_SPACE"'))
    lease = world.release().lease
    claims = {}
    if "image" in changes:
        claims = {"submods": _submods(image=str(changes["image"]))}
    asked = {key: value for key, value in changes.items() if key != "image"}
    how: dict[str, Any] = {"purpose": "renew", "lease": lease, "pictures": 0, "claims": claims} | asked
    refused(world, code, now=NOW + after, **how)


def test_a_renewal_is_refused_once_the_licence_is_revoked_or_has_ended(world: World) -> None:
    world.license(ends_at=NOW + 1000)
    answer = world.release()
    assert answer.lease_ends_at == NOW + 1000, "no lease is longer than its licence"
    refused(world, "licence-expired", now=NOW + 1000, purpose="renew", lease=answer.lease, pictures=0)
    world.revoke()
    refused(world, "licence-revoked", now=NOW + 10, purpose="renew", lease=answer.lease, pictures=0)


UNKNOWN = [
    pytest.param({"licence": "3" * 32}, "licence-unknown", id="a licence"),
    pytest.param({"manifest": OTHER}, "model-unknown", id="a model"),
    pytest.param({"broker": OTHER}, "request-of-another-broker", id="a broker"),
]


@pytest.mark.parametrize(("changes", "code"), UNKNOWN)
def test_what_the_broker_does_not_have_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    refused(world, code, **changes)


@pytest.mark.parametrize("public_key", [bytes(32), b"\1" + bytes(31)], ids=["zero", "one"])
def test_a_public_key_of_small_order_is_refused(world: World, public_key: bytes) -> None:
    refused(world, "request-malformed", public_key=public_key)


def test_without_a_policy_nobody_is_admitted(world: World) -> None:
    with writing(world.broker.engine) as connection:
        connection.execute(schema.documents.delete())
    refused(world, "broker-policy-refused")


POLICIES = [
    pytest.param(policy_text('assertion.dbgstat == "enabled"'), "broker-policy-refused", id="says no"),
    pytest.param(policy_text(disabled=True), "broker-policy-refused", id="is disabled"),
    pytest.param(
        policy_text(oidc={"issuerUri": "https://issuer.example"}), "broker-policy-refused", id="is for others"
    ),
    pytest.param(
        policy_text(attributeMapping={"google.subject": "assertion.absent"}),
        "broker-policy-refused",
        id="maps what is not there",
    ),
    pytest.param(b"{}", "broker-policy-unknown", id="cannot be read"),
]


@pytest.mark.parametrize(("body", "code"), POLICIES)
def test_the_policy_is_asked(world: World, body: bytes, code: str) -> None:
    world.set_policy(body)
    refused(world, code)


def test_a_master_key_that_does_not_answer_counts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwrap(wrapped: bytes, associated: bytes) -> bytes:
        raise Unavailable("the service does not answer")

    monkeypatch.setattr(type(world.broker.master), "unwrap", staticmethod(unwrap))
    refused(world, "broker-not-ready")


def test_a_key_that_another_master_key_wrapped_is_not_released(world: World) -> None:
    with writing(world.broker.engine) as connection:
        connection.execute(schema.models.update().values(wrapped=b"0" * 60))
    refused(world, "broker-not-ready")


def challenges_kept(world: World) -> int:
    with reading(world.broker.engine) as connection:
        return connection.execute(select(func.count()).select_from(schema.challenges)).scalar_one()


def test_who_asks_for_challenges_without_end_fills_no_table(world: World) -> None:
    asked = {world.challenge() for _ in range(1000)}
    assert (len(asked), challenges_kept(world)) == (1000, 0)


def test_a_challenge_that_another_broker_gave_is_refused(world: World) -> None:
    another = World(broker=replace(world.broker, identity=Ed25519PrivateKey.from_private_bytes(b"j" * 32)))
    refused(world, "challenge-unknown", challenge=another.challenge())


def test_challenges_of_long_ago_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = world.ask()
    world.answer(old)
    later = NOW + CHALLENGE_S + CHALLENGE_S + REPEATED_S + 1
    monkeypatch.setattr(ledger, "_FORGETS", "none ends like this")
    world.release(later)
    assert challenges_kept(world) == 2
    monkeypatch.setattr(ledger, "_FORGETS", "")  # each does
    world.release(later)
    assert challenges_kept(world) == 2, "the newer ones"
    refused(world, "challenge-expired", old, now=later)


def test_the_broker_s_name_is_its_key_s(world: World) -> None:
    assert world.broker.digest == public_key_of(world.broker.identity).key_id
    assert audience_of(world.broker.digest).startswith("symbolon:release:v1:sha256:")


def _submods(image: str) -> dict[str, Any]:
    submods: dict[str, Any] = production_claims()["submods"]
    submods["container"]["image_digest"] = image
    return submods
