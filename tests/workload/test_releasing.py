"""A release is asked with this machine's word for this request, and used where the broker's log has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.digests import Digest, digest_of
from attestation.errors import ExitCode, SymbolonError
from attestation.tokens import parse_token
from contract.dsse import parse_public_key
from contract.release import (
    Release,
    audience_of,
    new_key_pair,
    nonce_of,
    parse_call,
    parse_release,
    request_digest,
    seal_key,
)
from contract.release_log import Logged
from contract.release_refusals import BrokerRefused
from emulator import running
from tests.workload.broker_stage import LICENCE, ServerKey, SmallBroker
from tests.workload.launching import launched, verifier_of
from tests.workload.samples import FACTS
from workload import patience
from workload.broker import BrokerNotPinned, BrokerUnreachable
from workload.patience import Patience
from workload.releasing import AnswerContradicted, Releasing, check_answer

KEY = bytes(range(100, 132))
PICTURES = 7


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = Patience(total_s=2.0, call_s=1.0, attempts=3)
    monkeypatch.setattr(patience, "SERVICES", hasty)
    monkeypatch.setattr(patience, "REPORTS", hasty)
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def server_key(tmp_path_factory: pytest.TempPathFactory) -> ServerKey:
    return ServerKey(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def _machine(emulator: running.Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This process is the workload of a launch."""
    with launched(verifier_of(emulator), FACTS, tmp_path_factory.mktemp("launcher")):
        yield


@pytest.fixture
def small(emulator: running.Running, server_key: ServerKey, _machine: None) -> Iterator[SmallBroker]:
    """A broker that answers, on a machine of the platform."""
    broker = SmallBroker(
        server_key=server_key,
        root=verifier_of(emulator).root,
        manifest=digest_of(b"manifest"),
        data_key=KEY,
    )
    with broker.serving():
        yield broker


def asking(small: SmallBroker, *, licence: str = LICENCE) -> Releasing:
    return Releasing(small.terms(), licence, clock=lambda: 1000.0)


def test_the_key_comes_under_a_lease_and_with_its_place_in_the_log(small: SmallBroker) -> None:
    key, granted = asking(small).release(PICTURES)
    assert key == KEY
    assert (granted.lease_s, granted.ends_at) == (3600, 4600.0)
    (request,) = small.requests
    assert (request.pictures, request.purpose, request.lease) == (PICTURES, "release", None)
    assert (request.manifest, request.broker) == (small.manifest, small.broker)
    assert granted.released.logged.entry == small.leaves[0]


def test_the_token_is_for_this_broker_and_for_this_request_alone(small: SmallBroker) -> None:
    _, granted = asking(small).release(PICTURES)
    call = parse_call(small.calls[0])
    claims = parse_token(call.token).claims
    assert (claims["aud"], claims["eat_nonce"]) == (audience_of(small.broker), nonce_of(call.request))
    assert digest_of(call.request) == granted.released.request


def test_each_release_has_a_key_pair_of_its_own(small: SmallBroker) -> None:
    for _ in range(2):
        asking(small).release(PICTURES)
    assert small.requests[0].public_key != small.requests[1].public_key


def test_a_renewal_is_the_whole_protocol_with_no_key_and_no_pictures(small: SmallBroker) -> None:
    broker = asking(small)
    _, granted = broker.release(PICTURES)
    renewed = broker.renew(granted.lease)
    first, second = small.requests
    assert (second.purpose, second.lease, second.pictures) == ("renew", granted.lease, 0)
    assert second.challenge != first.challenge
    assert (renewed.lease, small.released) == (granted.lease, 1)


def test_an_answer_that_was_lost_is_asked_for_by_the_same_bytes_and_counts_once(small: SmallBroker) -> None:
    small.loses = 1
    key, _ = asking(small).release(PICTURES)
    assert (key, small.released) == (KEY, 1)
    assert small.called == ["challenge", "release", "repeated"]
    assert small.calls[0] == small.calls[1]


@pytest.mark.parametrize("code", ["challenge-unknown", "challenge-expired"])
def test_a_challenge_that_became_too_old_is_followed_by_another(small: SmallBroker, code: str) -> None:
    small.refuses = {"release": [code]}
    assert asking(small).release(PICTURES)[0] == KEY
    assert small.called == ["challenge", "release"] * 2


def test_challenges_that_are_always_too_old_are_given_up(small: SmallBroker) -> None:
    small.refuses, small.always = {"release": ["challenge-expired"]}, frozenset({"release"})
    with pytest.raises(BrokerRefused) as refused:
        asking(small).release(PICTURES)
    assert (refused.value.code, refused.value.exit_code) == ("challenge-expired", ExitCode.UNAVAILABLE)
    assert len(small.calls) == 3


REFUSED: list[tuple[str, ExitCode]] = [
    ("licence-of-another", ExitCode.REFUSED),
    ("licence-expired", ExitCode.REFUSED),
    ("licence-not-begun", ExitCode.REFUSED),
    ("licence-used-up", ExitCode.REFUSED),
    ("pictures-used-up", ExitCode.REFUSED),
    ("licence-revoked", ExitCode.REFUSED),
    ("too-many-at-once", ExitCode.REFUSED),
    ("broker-token-too-old", ExitCode.REFUSED),
    ("broker-token-rejected", ExitCode.REFUSED),
    ("broker-policy-refused", ExitCode.REFUSED),
    ("broker-policy-unknown", ExitCode.UNKNOWN),
    ("challenge-used", ExitCode.REFUSED),
    ("model-unknown", ExitCode.MISCONFIGURED),
    ("database-unavailable", ExitCode.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "exit_code"), REFUSED, ids=lambda value: str(value))
def test_what_the_broker_refuses_is_refused_in_its_words(
    small: SmallBroker, code: str, exit_code: ExitCode
) -> None:
    small.refuses, small.always = {"release": [code]}, frozenset({"release"})
    with pytest.raises(BrokerRefused) as refused:
        asking(small).release(PICTURES)
    assert (refused.value.code, refused.value.exit_code) == (code, exit_code)
    assert refused.value.hint
    assert small.released == 0


def test_a_licence_that_the_broker_does_not_have_is_refused(small: SmallBroker) -> None:
    with pytest.raises(BrokerRefused) as refused:
        asking(small, licence="f" * 32).release(PICTURES)
    assert refused.value.code == "licence-unknown"


def test_fewer_pictures_than_are_to_be_run_are_as_good_as_none(small: SmallBroker) -> None:
    small.answer = lambda release: replace(release, pictures=PICTURES - 1)
    small.said = lambda said: {**said, "pictures": str(PICTURES - 1)}
    with pytest.raises(BrokerRefused, match="reserves 6 pictures, and 7 are to be run") as refused:
        asking(small).release(PICTURES)
    assert refused.value.code == "pictures-used-up"


def _forged(logged: Logged, small: SmallBroker) -> Logged:
    """The entry under a checkpoint of another broker's."""
    other = replace(small, identity=Ed25519PrivateKey.generate(), leaves=[], lock=small.lock)
    submods = SimpleNamespace(container=SimpleNamespace(image_digest=""), gce=SimpleNamespace(instance_id=""))
    made = other._log(small.requests[-1], digest_of(b""), "0" * 32, submods)
    return replace(logged, checkpoint=made.checkpoint)


def _other_key(release: Release, small: SmallBroker) -> Release:
    _, public = new_key_pair()
    return replace(release, sealed=seal_key(KEY, public_key=public, request=b"another"))


def _flipped(data: bytes | None) -> bytes:
    assert data is not None
    return data[:-1] + bytes([data[-1] ^ 1])


def _short(release: Release, small: SmallBroker) -> Release:
    request = parse_call(small.calls[-1]).request
    sealed = seal_key(b"short", public_key=small.requests[-1].public_key, request=request)
    return replace(release, sealed=sealed)


Change = Callable[[Release, SmallBroker], Release]
LYING: dict[str, tuple[Change, str]] = {
    "it is to another request": (
        lambda release, _: replace(release, request=digest_of(b"another")),
        "release-contradicted",
    ),
    "it has no key": (lambda release, _: replace(release, sealed=None), "release-contradicted"),
    "what it opens is no key": (_short, "release-contradicted"),
    "its key is sealed for somebody else": (_other_key, "release-not-for-us"),
    "one byte of the sealed key is another": (
        lambda release, _: replace(release, sealed=_flipped(release.sealed)),
        "release-not-for-us",
    ),
    "its pictures are not the log's": (
        lambda release, _: replace(release, pictures=PICTURES + 1),
        "release-contradicted",
    ),
    "its end is not the log's": (
        lambda release, _: replace(release, lease_ends_at=release.lease_ends_at + 1),
        "release-contradicted",
    ),
    "its lease is longer than the log's": (
        lambda release, _: replace(release, lease_s=release.lease_s + 1),
        "release-contradicted",
    ),
    "its lease is of no length": (
        lambda release, _: replace(release, lease_s=0),
        "release-contradicted",
    ),
    "its lease is not the log's": (
        lambda release, _: replace(release, lease="f" * 32),
        "release-contradicted",
    ),
    "its place in the log is another": (
        lambda release, _: replace(release, logged=replace(release.logged, index=1)),
        "proof-rejected",
    ),
    "its proof is of another tree": (
        lambda release, _: replace(release, logged=replace(release.logged, proof=(bytes(32),))),
        "proof-rejected",
    ),
    "its checkpoint is another broker's": (
        lambda release, small: replace(release, logged=_forged(release.logged, small)),
        "note-signed-by-another",
    ),
    "its checkpoint is none": (
        lambda release, _: replace(release, logged=replace(release.logged, checkpoint="")),
        "note-malformed",
    ),
    "its entry is none": (
        lambda release, _: replace(release, logged=replace(release.logged, entry=b"{}")),
        "log-entry-format-unknown",
    ),
}


@pytest.mark.parametrize("case", LYING)
def test_an_answer_that_does_not_hold_gives_no_key(small: SmallBroker, case: str) -> None:
    change, code = LYING[case]
    small.answer = lambda release: change(release, small)
    with pytest.raises(SymbolonError) as refused:
        asking(small).release(PICTURES)
    assert refused.value.code == code
    assert refused.value.exit_code in (ExitCode.REFUSED, ExitCode.MISCONFIGURED)


@pytest.mark.parametrize("name", ["request", "lease", "manifest", "licence", "purpose"])
def test_an_entry_of_something_else_gives_no_key(small: SmallBroker, name: str) -> None:
    small.said = lambda said: {**said, name: "another"}
    with pytest.raises(AnswerContradicted):
        asking(small).release(PICTURES)


def test_a_renewal_that_answers_another_lease_or_a_key_is_none(small: SmallBroker) -> None:
    broker = asking(small)
    _, granted = broker.release(PICTURES)
    small.answer = lambda release: replace(release, sealed=b"a key")
    with pytest.raises(AnswerContradicted):
        broker.renew(granted.lease)


def test_a_renewal_of_another_request_is_none_though_its_log_says_the_same(small: SmallBroker) -> None:
    broker, another = asking(small), digest_of(b"another")
    _, granted = broker.release(PICTURES)
    small.said = lambda said: {**said, "request": another}
    small.answer = lambda release: replace(release, request=another)
    with pytest.raises(AnswerContradicted, match="to another request"):
        broker.renew(granted.lease)


def test_every_flip_of_one_bit_of_an_answer_is_refused(small: SmallBroker) -> None:
    """Of every byte that an answer has, the length of the lease apart, which may be shorter: a repeated
    answer says what is left.
    """
    asking(small).release(PICTURES)
    call = parse_call(small.calls[-1])
    answer = small.answered[request_digest(call.request)]
    key = parse_public_key(str(small.terms().broker_key), where="the key")
    check_answer(parse_release(answer), call.request, key=key)
    opened = 0
    length = range((start := answer.index(b'"lease_s":"') + 11), start + len("3600"))
    sealed = range((begins := answer.index(b'"sealed":"') + 10), answer.index(b'"', begins))
    for place in range(len(answer)):
        data = bytearray(answer)
        data[place] ^= 1
        try:
            check_answer(parse_release(bytes(data)), call.request, key=key)
        except SymbolonError:
            continue
        opened += 1
        assert place in length or place in sealed  # a sealed key is opened by its own key, or by nobody
    assert opened


def test_a_report_is_the_receipt_as_it_stands(small: SmallBroker) -> None:
    from tests.receipts import Draft

    receipt = Draft().make()
    asking(small).report(receipt)
    assert small.reported == [receipt]
    small.refuses = {"report": ["report-rejected"]}
    with pytest.raises(BrokerRefused):
        asking(small).report(receipt)


def test_a_server_with_another_key_hears_neither_token_nor_licence(small: SmallBroker) -> None:
    terms = small.terms(None, Digest("sha256:" + "0" * 64))
    with pytest.raises(BrokerNotPinned):
        Releasing(terms, LICENCE).release(PICTURES)
    assert small.called == []


def test_a_broker_that_is_away_is_said_to_be(small: SmallBroker) -> None:
    terms = small.terms("https://127.0.0.1:1")
    with pytest.raises(BrokerUnreachable) as refused:
        Releasing(terms, LICENCE).release(PICTURES)
    assert (refused.value.code, refused.value.exit_code) == ("broker-unreachable", ExitCode.UNAVAILABLE)


def test_nothing_of_an_answer_shows_a_key(small: SmallBroker, tmp_path: Path) -> None:
    _, granted = asking(small).release(PICTURES)
    for shown in (repr(granted), json.dumps(str(granted))):
        assert KEY.hex() not in shown
        assert repr(KEY)[2:-1] not in shown
