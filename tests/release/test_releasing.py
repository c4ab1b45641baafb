"""A key is released once for a challenge, to whom the licence is for, and counted: on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from attestation.digests import Digest
from attestation.errors import Unavailable
from contract.dsse import public_key_of
from contract.licence import Holder
from contract.release import (
    CHALLENGE_S,
    REPEATED_S,
    Call,
    Release,
    audience_of,
    nonce_of,
    parse_call,
    parse_release,
    parse_request,
    render_call,
    request_digest,
)
from contract.release_log import Logged, check_opening, find_opening, parse_entry, parse_opening
from contract.release_refusals import REFUSALS, BrokerRefused
from release import ledger, licensing, releasing
from release.broker import Publishing
from release.releasing import release
from release.store import schema
from release.store.engine import reading, writing
from release.verifying import verify
from tests.release.brokers import (
    IMAGE,
    LICENCE_ID,
    MANIFEST,
    MODEL_ID,
    NOW,
    Asking,
    World,
    claims_for,
    clock_at,
    policy_text,
    token_of,
)
from tests.tokens import production_claims

OTHER = Digest("sha256:" + "0" * 64)
NOTHING = {"runs": 0, "pictures": 0, "releases": 0, "renewals": 0, "entries": 0}
ONE = {"runs": 1, "pictures": 10, "releases": 1, "renewals": 0, "entries": 1}


def refused(
    world: World, code: str, asking: Asking | None = None, now: int = NOW, **how: Any
) -> BrokerRefused:
    """The refusal, which counted nothing."""
    before = world.counts()
    asking = world.ask(now, **how) if asking is None else asking
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, asking.call, clock_at(now))
    assert caught.value.code == code, caught.value.message
    assert world.counts() == before
    return caught.value


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
    second = world.ask(challenge=_challenge_of(first))
    world.answer(first)
    refused(world, "challenge-used", second)
    assert world.counts() == ONE


def test_a_refused_request_leaves_the_challenge_to_another(world: World) -> None:
    bad = world.ask(pictures=10**13)
    refused(world, "pictures-used-up", bad)
    world.release(challenge=_challenge_of(bad))


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
    thief = world.ask(challenge=_challenge_of(victim))
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
    used = world.ask(challenge=_challenge_of(asking), purpose="renew", lease=lease, pictures=0)
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


BOUNDS = [
    pytest.param({"starts_at": NOW + 1}, "licence-not-begun", id="that begins in a second"),
    pytest.param({"ends_at": NOW}, "licence-expired", id="that has just ended"),
    pytest.param({"runs": 0}, "licence-used-up", id="for no run"),
    pytest.param({"pictures": 9}, "pictures-used-up", id="for one picture less"),
    pytest.param(
        {"holder": Holder(service_accounts=("other@secundus.iam.gserviceaccount.com",))},
        "licence-of-another",
        id="of another service account",
    ),
    pytest.param({"holder": Holder(projects=("tertius",))}, "licence-of-another", id="of another project"),
    pytest.param({"images": (OTHER,)}, "licence-for-another-image", id="for another image"),
    pytest.param({"policy": OTHER}, "licence-under-another-policy", id="under another policy"),
    pytest.param({"model_id": "primus/other"}, "licence-for-another-model", id="for another model"),
    pytest.param({"versions": (2, None)}, "licence-for-another-version", id="for later versions"),
]


@pytest.mark.parametrize(("changes", "code"), BOUNDS)
def test_a_licence_refuses(world: World, changes: dict[str, Any], code: str) -> None:
    world.license(**changes)
    refused(world, code)


ADMITTED = [
    pytest.param({"starts_at": NOW}, id="that has just begun"),
    pytest.param({"ends_at": NOW + 1}, id="that ends in a second"),
    pytest.param({"runs": 1}, id="for one run"),
    pytest.param({"pictures": 10}, id="for just as many pictures"),
    pytest.param({"holder": Holder(projects=("secundus",))}, id="of the project"),
    pytest.param({"images": (OTHER, IMAGE)}, id="for two images"),
    pytest.param({"versions": (1, 1)}, id="for this version alone"),
    pytest.param(
        {"runs": 2**64 - 1, "pictures": 2**64 - 1, "at_once": 2**64 - 1}, id="of the largest bounds"
    ),
    pytest.param({"ends_at": 2**64 - 1}, id="until the end of time"),
]


@pytest.mark.parametrize("changes", ADMITTED)
def test_a_licence_admits(world: World, changes: dict[str, Any]) -> None:
    world.license(**changes)
    world.release()


def test_a_version_above_the_range_is_refused(world: World) -> None:
    world.add_model(OTHER, version=3)
    world.license(versions=(1, 2))
    refused(world, "licence-for-another-version", manifest=OTHER)


def test_a_licence_may_name_the_policy_instead_of_an_image(world: World) -> None:
    digest = world.set_policy(policy_text())
    world.license(images=(), policy=digest)
    world.release()
    world.set_policy(policy_text('assertion.swname == "CONFIDENTIAL_SPACE"'))
    refused(world, "licence-under-another-policy")


UNKNOWN = [
    pytest.param({"licence": "3" * 32}, "licence-unknown", id="a licence"),
    pytest.param({"manifest": OTHER}, "model-unknown", id="a model"),
    pytest.param({"broker": OTHER}, "request-of-another-broker", id="a broker"),
]


@pytest.mark.parametrize(("changes", "code"), UNKNOWN)
def test_what_the_broker_does_not_have_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    refused(world, code, **changes)


def test_runs_are_counted_to_the_last(world: World) -> None:
    world.license(runs=3)
    for _ in range(3):
        world.release()
    refused(world, "licence-used-up")
    world.license(runs=4, serial=2)
    world.release()
    refused(world, "licence-used-up")


def test_pictures_are_counted_to_the_last(world: World) -> None:
    world.license(pictures=25)
    world.release()
    world.release()
    refused(world, "pictures-used-up")
    world.release(pictures=5)
    refused(world, "pictures-used-up", pictures=1)
    world.release(pictures=0)


def test_as_many_machines_run_at_once_as_are_allowed(world: World) -> None:
    world.license(at_once=2)
    world.release(instance="1")
    second = world.release(instance="2")
    refused(world, "too-many-at-once", instance="3")
    world.release(instance="2", now=NOW + 1)
    world.renew(second.lease, NOW + 3000, instance="2")
    refused(world, "too-many-at-once", instance="3", now=NOW + 3599)
    world.release(instance="3", now=NOW + 3600)
    refused(world, "too-many-at-once", instance="4", now=NOW + 3600)


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


def between_look_and_count(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> list[Any]:
    """`do` happens when a call has been looked at, and nothing of it is counted; what was looked at."""
    looks: list[Any] = []

    def look(broker: Any, asked: Any, now: float) -> Any:
        looks.append(real(broker, asked, now))
        do()
        return looks[-1]

    real = releasing._look
    monkeypatch.setattr(releasing, "_look", look)
    return looks


MEANWHILE = [
    pytest.param(lambda world: world.revoke(), "licence-revoked", id="is revoked"),
    pytest.param(lambda world: world.license(ends_at=NOW), "licence-expired", id="ends"),
    pytest.param(lambda world: world.license(runs=0), "licence-used-up", id="is used up"),
    pytest.param(lambda world: world.license(pictures=9), "pictures-used-up", id="has fewer pictures"),
    pytest.param(
        lambda world: world.license(holder=Holder(projects=("tertius",))),
        "licence-of-another",
        id="becomes another's",
    ),
    pytest.param(
        lambda world: world.license(images=(OTHER,)), "licence-for-another-image", id="is for another image"
    ),
]


@pytest.mark.parametrize(("change", "code"), MEANWHILE)
def test_a_licence_refuses_that_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[World], object], code: str
) -> None:
    between_look_and_count(monkeypatch, lambda: change(world))
    refused(world, code)


def test_of_two_requests_that_were_looked_at_with_one_challenge_one_is_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.ask()
    second = world.ask(challenge=_challenge_of(first))

    def overtake() -> None:
        monkeypatch.undo()
        world.answer(first)

    between_look_and_count(monkeypatch, overtake)
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, second.call, clock_at(NOW))
    assert caught.value.code == "challenge-used"
    assert world.counts() == ONE


def test_the_same_request_twice_at_once_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = world.ask()
    first: list[Release] = []

    def overtake() -> None:
        monkeypatch.undo()
        first.append(world.answer(asking))

    between_look_and_count(monkeypatch, overtake)
    second = world.answer(asking)
    assert [each.lease for each in first] == [second.lease]
    assert world.counts() == ONE


def test_a_policy_that_changes_while_a_call_is_looked_at_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = between_look_and_count(
        monkeypatch, lambda: world.set_policy(policy_text('assertion.dbgstat == "enabled"'))
    )
    refused(world, "broker-policy-refused")
    assert len(looks) == 1, "the second look refuses"


def test_a_policy_that_never_rests_releases_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = iter(range(10))
    between_look_and_count(monkeypatch, lambda: world.set_policy(policy_text(description=str(next(changes)))))
    refused(world, "broker-not-ready")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LogThat:
    """A log that does something before it publishes an entry."""

    log: Publishing
    does: Callable[[], object]

    def check_ready(self) -> None:
        pass

    def logged(self, index: int, *, entry: bytes, opening: bytes) -> Logged:
        self.does()
        return self.log.logged(index, entry=entry, opening=opening)


def with_log(world: World, does: Callable[[], object], kind: type[LogThat] = LogThat) -> World:
    return World(broker=replace(world.broker, log=kind(log=world.broker.log, does=does)))


def test_no_answer_leaves_before_the_commit(world: World) -> None:
    """What publishes sees the release from a connection of its own."""
    seen: list[dict[str, int]] = []
    with_log(world, lambda: seen.append(world.counts())).release()
    assert seen == [ONE]


def test_what_was_counted_and_never_answered_is_answered_when_it_is_asked_again(world: World) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    asking = world.ask()
    with pytest.raises(KeyboardInterrupt):
        with_log(world, fail).answer(asking)
    assert world.counts() == ONE
    world.answer(asking, NOW + 5)
    assert world.counts() == ONE


def test_a_broker_that_is_not_ready_counts_nothing(world: World) -> None:
    class Unready(LogThat):
        def check_ready(self) -> None:
            raise REFUSALS["broker-not-ready"].error()

    asking = world.ask()
    refused(with_log(world, list, Unready), "broker-not-ready", asking)


def test_what_fails_before_the_commit_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(*arguments: Any) -> None:
        raise KeyboardInterrupt

    asking = world.ask()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "store", store)
        with pytest.raises(KeyboardInterrupt):
            release(world.broker, asking.call, clock_at(NOW))
    assert world.counts() == NOTHING
    world.answer(asking)
    assert world.counts() == ONE


def challenges_kept(world: World) -> int:
    with reading(world.broker.engine) as connection:
        return connection.execute(select(func.count()).select_from(schema.challenges)).scalar_one()


def test_who_asks_for_challenges_without_end_fills_no_table(world: World) -> None:
    asked = {world.challenge() for _ in range(1000)}
    assert (len(asked), challenges_kept(world)) == (1000, 0)


def test_a_challenge_that_another_broker_gave_is_refused(world: World) -> None:
    another = World(broker=replace(world.broker, identity=Ed25519PrivateKey.from_private_bytes(b"j" * 32)))
    refused(world, "challenge-unknown", challenge=another.challenge())


def test_challenges_of_long_ago_are_forgotten(world: World) -> None:
    old = world.ask()
    world.answer(old)
    later = NOW + CHALLENGE_S + CHALLENGE_S + REPEATED_S + 1
    world.release(later)
    assert challenges_kept(world) == 1, "the newer one"
    refused(world, "challenge-expired", old, now=later)


def clock_after_waiting(before: int, after: int) -> Callable[[], float]:
    """A clock that is read twice: when the call is looked at, and when it is its turn at last."""
    times = iter([before, after])
    return lambda: next(times)


WAITED = [
    pytest.param({"ends_at": NOW + 50}, NOW + 50, "licence-expired", id="its licence's"),
    pytest.param({}, NOW + CHALLENGE_S, "challenge-expired", id="its challenge's"),
]


@pytest.mark.parametrize(("licence", "after", "code"), WAITED)
def test_a_call_that_waited_for_its_turn_until_an_end_is_refused(
    world: World, licence: dict[str, Any], after: int, code: str
) -> None:
    world.license(**licence)
    asking = world.ask()
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, asking.call, clock_after_waiting(NOW, after))
    assert caught.value.code == code
    assert world.counts() == NOTHING


def test_a_call_that_waited_for_its_turn_finds_the_machine_gone_whose_lease_has_ended(world: World) -> None:
    world.license(at_once=1, lease_s=60)
    world.release(instance="1")
    asking = world.ask(NOW + 40, instance="2")
    answer = parse_release(release(world.broker, asking.call, clock_after_waiting(NOW + 40, NOW + 65)))
    assert answer.lease_ends_at == NOW + 125, "its own lease begins when it is given"


def test_the_broker_s_name_is_its_key_s(world: World) -> None:
    assert world.broker.digest == public_key_of(world.broker.identity).key_id
    assert audience_of(world.broker.digest).startswith("symbolon:release:v1:sha256:")


def _challenge_of(asking: Asking) -> str:
    return parse_request(asking.request).challenge


def _submods(image: str) -> dict[str, Any]:
    submods: dict[str, Any] = production_claims()["submods"]
    submods["container"]["image_digest"] = image
    return submods


def test_a_licence_for_another_kind_of_evidence_is_refused(world: World) -> None:
    """There is one kind so far; the owner names it, and never who asks."""
    asking = world.ask()
    machine = verify(
        world.broker.tokens,
        parse_call(asking.call).token,
        audience=audience_of(world.broker.digest),
        nonce=nonce_of(asking.request),
        not_before=NOW,
        now=NOW,
    )
    model = licensing.Model(model_id=MODEL_ID, version=1, wrapped=b"")
    licensing.check_scope(world.license(), machine, model, None)
    other: Any = "sgx"
    with pytest.raises(BrokerRefused) as caught:
        licensing.check_scope(world.license(), replace(machine, evidence=other), model, None)
    assert caught.value.code == "licence-for-other-evidence"
