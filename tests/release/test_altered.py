"""Whatever is altered is refused, and whatever fits is released: calls, tokens and licences by the thousand.

`forged` calls have something in them that nobody may have: each has to be refused. `cases` are licences,
machines and requests in which each thing fits or does not, so that what has to come out is known.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from sqlalchemy import select, update

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured
from contract.dsse import public_key_of
from contract.licence import Holder, Licence
from contract.release import (
    Call,
    audience_of,
    nonce_of,
    open_key,
    parse_call,
    parse_release,
    parse_request,
    render_call,
    render_request,
)
from contract.release_refusals import BrokerRefused
from release.releasing import release
from release.store import schema
from release.store.engine import reading, writing
from tests.attestation.signing import base64url, leaf_plan, root_plan, rsa_key, signed, x5c_of
from tests.release.brokers import (
    IDENTITY,
    IMAGE,
    LICENCE_ID,
    MANIFEST,
    MODEL_ID,
    NOW,
    Asking,
    World,
    claims_for,
    clock_at,
    licence_of,
    policy_text,
    token_of,
    x5c,
)
from tests.tokens import production_claims
from workload.releasing import check_answer

OTHER: Final = Digest("sha256:" + "0" * 64)
ACCOUNT: Final = "workload-sa@secundus.iam.gserviceaccount.com"

FITTING_TIMES: Final = ((0, None), (NOW - 1, NOW + 1), (NOW, 2**64 - 1))
OTHER_TIMES: Final = ((NOW + 1, None), (2**63, 2**64 - 1), (0, NOW), (0, NOW - 999_999))
FITTING_HOLDERS: Final = (
    Holder(service_accounts=(ACCOUNT,)),
    Holder(projects=("secundus",)),
    Holder(service_accounts=("b@c.d", ACCOUNT), projects=("tertius",)),
    Holder(service_accounts=("b@c.d",), projects=("secundus", "tertius")),
)
OTHER_HOLDERS: Final = (Holder(service_accounts=("b@c.d",)), Holder(projects=("tertius",)))

Numbers = random.Random


def refused(world: World, call: bytes, now: int = NOW) -> str:
    """The code of the refusal; anything else that is raised is a crash."""
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, call, clock_at(now))
    return caught.value.code


def forged(world: World, asking: Asking, numbers: Numbers) -> Iterator[bytes]:
    """Calls without end, made from a good one, none of which may be answered."""
    kinds = (_noise, _flipped, _cut, _request_altered, _token_altered, _claims_altered, _signed_otherwise)
    while True:
        yield numbers.choice(kinds)(world, asking, numbers)


def _noise(world: World, asking: Asking, numbers: Numbers) -> bytes:
    data = numbers.randbytes(numbers.randrange(200))
    known = (data, b"{%b}" % data, json.dumps({"request": data.hex(), "token": data.hex()}).encode())
    return numbers.choice(known)


def _flipped(world: World, asking: Asking, numbers: Numbers) -> bytes:
    data = bytearray(asking.call)
    for _ in range(numbers.choice((1, 1, 1, 2, 5))):
        data[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
    return bytes(data) if data != asking.call else b""


def _cut(world: World, asking: Asking, numbers: Numbers) -> bytes:
    first, second = sorted(numbers.sample(range(len(asking.call)), 2))
    return numbers.choice(
        (asking.call[:first], asking.call[second:], asking.call[:first] + asking.call[second:])
    )


def _request_altered(world: World, asking: Asking, numbers: Numbers) -> bytes:
    """Another request with the good one's token."""
    document = json.loads(asking.request)
    name = numbers.choice(sorted(document))
    document[name] = numbers.choice((None, "", 0, "1", document[name], str(document[name])[::-1], "a" * 64))
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    if text == asking.request:
        text = render_request(replace(parse_request(text), pictures=numbers.randrange(11, 10**9)))
    return render_call(Call(request=text, token=parse_call(asking.call).token))


def _token_altered(world: World, asking: Asking, numbers: Numbers) -> bytes:
    """The good token, with a part of it from elsewhere."""
    header, payload, signature = parse_call(asking.call).token.split(".")
    other = base64url(numbers.randbytes(numbers.choice((0, 1, 256))))
    nobody = base64url(b'{"alg":"none"}')
    token = numbers.choice(
        (
            f"{header}.{payload}.",
            f"{header}.{payload}.{other}",
            f"{header}.{other}.{signature}",
            f"{nobody}.{payload}.",
            f"{nobody}.{payload}.{signature}",
            f"{header}.{payload}.{signature}.{other}",
            f"{header}.{payload}.{signature[::-1]}",
        )
    )
    return render_call(Call(request=asking.request, token=token))


def _claims_altered(world: World, asking: Asking, numbers: Numbers) -> bytes:
    """A token that the platform might have signed, for another call or another machine."""
    name = numbers.choice(sorted(FORBIDDEN))
    value = numbers.choice(FORBIDDEN[name])
    claims = dict(claims_for(asking.request, broker=world.broker.digest))
    if value is None:
        del claims[name]
    else:
        claims[name] = value
    return render_call(Call(request=asking.request, token=token_of(claims)))


def _signed_otherwise(world: World, asking: Asking, numbers: Numbers) -> bytes:
    """A token whose chain or signature is not the platform's."""
    claims = claims_for(asking.request, broker=world.broker.digest)
    stranger = rsa_key("a stranger")
    root = replace(root_plan(), key=stranger, issuer_key=stranger)
    leaf = replace(leaf_plan(), key=stranger, issuer="root", issuer_key=stranger)
    good = x5c()
    headers = (
        ({"alg": "RS256", "x5c": good}, "a stranger"),
        ({"alg": "RS256", "x5c": x5c_of(leaf.make(), root.make())}, "a stranger"),
        ({"alg": "RS256", "x5c": x5c_of(leaf.make(), *[root_plan().make()])}, "a stranger"),
        ({"alg": "RS256", "x5c": good[::-1]}, "leaf"),
        ({"alg": "RS256", "x5c": good[:1]}, "leaf"),
        ({"alg": "RS256", "x5c": []}, "leaf"),
        ({"alg": "RS256"}, "leaf"),
        ({"alg": "PS256", "x5c": good}, "leaf"),
        ({"alg": "HS256", "x5c": good}, "leaf"),
        ({"alg": "RS256", "x5c": good, "crit": ["x"]}, "leaf"),
    )
    header, key = numbers.choice(headers)
    return render_call(Call(request=asking.request, token=signed(header, claims, rsa_key(key))))


def _submods(part: str, name: str, value: object) -> dict[str, Any]:
    submods: dict[str, Any] = production_claims()["submods"]
    submods[part][name] = value
    return submods


FORBIDDEN: Final[Mapping[str, list[Any]]] = {
    "aud": [None, "", "https://sts.googleapis.com", [], audience_of(OTHER), [audience_of(OTHER)], 7],
    "eat_nonce": [None, "", nonce_of(b""), [], [nonce_of(b"")], 7],
    "iss": [None, "", "https://confidentialcomputing.googleapis.com.example", 7],
    "exp": [None, 0, NOW, NOW - 1, "1", 1.5],
    "iat": [None, 0, NOW - 31, NOW + 31, 2**70, "1"],
    "nbf": [None, NOW + 31, NOW + 10**9, "1"],
    "sub": [None, 7],
    "dbgstat": [None, "enabled", 7],
    "swname": [None, "GCE", 7],
    "google_service_accounts": [None, [], ["other@secundus.iam.gserviceaccount.com"], [ACCOUNT.upper()], 7],
    "symbolon_emulator": [True, False, "no"],
    "submods": [
        None,
        {},
        7,
        _submods("container", "image_digest", OTHER),
        _submods("container", "image_digest", IMAGE.upper()),
        _submods("gce", "instance_id", ""),
        _submods("gce", "instance_id", 7),
        _submods("gce", "project_id", "a\nb"),
    ],
}


def check_forged(world: World, number: int, seed: int) -> None:
    numbers = random.Random(seed)
    asking = world.ask()
    calls = forged(world, asking, numbers)
    codes = {refused(world, next(calls)) for _ in range(number)}
    assert not set(world.counts().values()) - {0}
    assert len(codes) > 4, "the calls fail at more than one place"
    world.answer(asking)  # and the good one has lost nothing by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A licence, a machine and a request; `fits` says whether each of them is as it has to be."""

    licence: Licence
    used: tuple[int, int]
    claims: dict[str, Any]
    request: dict[str, Any]
    fits: bool


def cases(numbers: Numbers, digest: Digest) -> Iterator[Case]:
    """Cases without end, some of which fit under the policy of that digest.

    Each thing is drawn by itself from what fits and what does not.
    """
    while True:
        drawn = _Drawing(numbers, numbers.choice((0.0, 0.12, 0.12)))
        used, pictures = (numbers.randrange(5), numbers.randrange(1, 50)), numbers.choice((0, 1, 10, 10**6))
        total = used[1] + pictures
        starts_at, ends_at = drawn(FITTING_TIMES, OTHER_TIMES)
        licence = licence_of(
            starts_at=starts_at,
            ends_at=ends_at,
            runs=drawn((None, used[0] + 1, 2**64 - 1), (used[0], 0)),
            pictures=drawn((None, total, 2**64 - 1), (total - 1, 0)),
            at_once=numbers.choice((None, 1, 2**64 - 1)),
            holder=drawn(FITTING_HOLDERS, OTHER_HOLDERS),
            images=drawn(((IMAGE,), (OTHER, IMAGE), ()), ((OTHER,),)),
            policy=drawn((digest,), (OTHER,)),
            model_id=drawn((MODEL_ID,), ("primus/other",)),
            versions=drawn(((1, None), (1, 1), (1, 7)), ((2, None), (2, 7))),
            lease_s=numbers.choice((60, 3600, 86_400)),
        )
        claims = {
            "nbf": NOW - 30,
            "iat": drawn((NOW, NOW - 30), (NOW - 31,)),
            "dbgstat": drawn(("disabled-since-boot",), ("enabled",)),
        }
        request = {
            "pictures": pictures,
            "licence": drawn((LICENCE_ID,), ("2" * 32,)),
            "manifest": drawn((MANIFEST,), (OTHER,)),
            "broker": drawn((None,), (OTHER,)),
        }
        asked = {name: value for name, value in request.items() if value is not None}
        yield Case(licence=licence, used=used, claims=claims, request=asked, fits=drawn.fits)


class _Drawing:
    """One of what fits, or, as often as `share` says, one of what does not."""

    def __init__(self, numbers: Numbers, share: float) -> None:
        self._numbers, self._share, self.fits = numbers, share, True

    def __call__(self, fitting: tuple[Any, ...], others: tuple[Any, ...]) -> Any:
        if self._numbers.random() < self._share:
            self.fits = False
            return self._numbers.choice(others)
        return self._numbers.choice(fitting)


def check_cases(world: World, number: int, seed: int) -> None:
    numbers, fitting = random.Random(seed), 0
    digest = world.set_policy(policy_text())
    drawn = cases(numbers, digest)
    for case in (next(drawn) for _ in range(number)):
        world.license(**{name: getattr(case.licence, name) for name in Licence.__slots__})
        _set_used(world, *case.used)
        asking = world.ask(claims=case.claims, **case.request)
        if case.fits:
            answer = world.answer(asking)
            assert answer.pictures == case.request["pictures"]
            assert _used(world) == (case.used[0] + 1, case.used[1] + answer.pictures)
            fitting += 1
        else:
            refused(world, asking.call)
            assert _used(world) == case.used
    counts = world.counts()
    assert counts["releases"] == counts["entries"] == fitting
    assert number // 4 < fitting < number


def _set_used(world: World, runs: int, pictures: int) -> None:
    with writing(world.broker.engine) as connection:
        connection.execute(update(schema.licences).values(runs_used=runs, pictures_used=pictures))


def _used(world: World) -> tuple[int, int]:
    licences = schema.licences
    with reading(world.broker.engine) as connection:
        row = connection.execute(select(licences.c.runs_used, licences.c.pictures_used)).one()
    return int(row.runs_used), int(row.pictures_used)


def test_a_thousand_forged_calls_are_refused(sqlite_world: World) -> None:
    check_forged(sqlite_world, 1_000, seed=1)


def test_of_many_licences_those_that_fit_release_and_no_other(world: World) -> None:
    check_cases(world, 250, seed=2)


@pytest.mark.long
def test_25_000_forged_calls_are_refused(sqlite_world: World) -> None:
    check_forged(sqlite_world, 25_000, seed=3)


@pytest.mark.long
def test_of_12_500_licences_those_that_fit_release_and_no_other(world: World) -> None:
    check_cases(world, 12_500, seed=4)


def test_each_flipped_byte_of_a_call_is_refused(sqlite_world: World) -> None:
    """At every 17th place here, and at every one in the long run."""
    check_flips(sqlite_world, step=17)


@pytest.mark.long
def test_each_flipped_byte_of_a_call_is_refused_at_every_place(sqlite_world: World) -> None:
    check_flips(sqlite_world, step=1)


def check_flips(world: World, *, step: int) -> None:
    asking = world.ask()
    for place in range(0, len(asking.call), step):
        for bit in (0x01, 0x20):
            flipped = bytearray(asking.call)
            flipped[place] ^= bit
            refused(world, bytes(flipped))
    world.answer(asking)


def test_a_licence_that_the_broker_cannot_read_any_more_releases_nothing(sqlite_world: World) -> None:
    with writing(sqlite_world.broker.engine) as connection:
        connection.execute(update(schema.licences).values(envelope=b"{}"))
    assert refused(sqlite_world, sqlite_world.ask().call) == "licence-unknown"


def test_each_flipped_byte_of_an_answer_is_refused_or_makes_the_lease_shorter(sqlite_world: World) -> None:
    """As the workload reads one: `lease_s` alone may say less than the log does, as in a repeated answer."""
    asking = sqlite_world.ask()
    text = release(sqlite_world.broker, asking.call, clock_at(NOW))
    good = parse_release(text)
    key = public_key_of(IDENTITY)
    check_answer(good, asking.request, key=key)
    for place in range(len(text)):
        for bit in (0x01, 0x02, 0x20):
            flipped = bytearray(text)
            flipped[place] ^= bit
            try:
                answer = parse_release(bytes(flipped))
                check_answer(answer, asking.request, key=key)
                assert answer.sealed is not None
                open_key(answer.sealed, asking.private, request=asking.request)
            except (EvidenceRejected, Misconfigured):
                continue
            assert answer == replace(good, lease_s=answer.lease_s), flipped
            assert answer.lease_s < good.lease_s
