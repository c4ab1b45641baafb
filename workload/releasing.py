"""How the model's key is had of the owner's broker: asked with this machine's word, and counted before.

    challenge → key pair and request → the platform's token for this request → release → the log's proof → key

The token's audience is this broker alone, and its nonce the request's digest. An answer counts where the
broker's log has it: the entry says this request, the proof leads from it to a checkpoint, and the broker's
own key, which the terms name, signs that. Only then is the data key opened, which this key pair alone can do.

A call whose answer was lost is sent again as it was, and counts once. Where the challenge has become too old
meanwhile, nothing was counted, and everything is asked anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from attestation.errors import EvidenceRejected, SymbolonError
from attestation.tokens import parse_token
from contract import dsse
from contract.checkpoint import verify_logged
from contract.receipt import Released
from contract.release import (
    Call,
    Purpose,
    Release,
    ReleaseRequest,
    audience_of,
    new_key_pair,
    nonce_of,
    open_key,
    parse_challenge,
    parse_release,
    parse_request,
    render_call,
    render_request,
    request_digest,
)
from contract.release_log import check_opening, parse_entry
from contract.release_refusals import REFUSALS
from contract.release_terms import ReleaseTerms
from contract.sealed_stream import KEY_BYTES

from . import attesting, patience
from .broker import Broker

_ROUNDS = 3
"""Challenges that are asked for where one becomes too old before it is used."""
_ANEW = ("challenge-unknown", "challenge-expired")
_CHALLENGE, _RELEASE, _REPORT = "/v1/challenge", "/v1/release", "/v1/report"

boot_time: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds since this machine was started, those that it slept included: the clock of every lease."""


class AnswerContradicted(EvidenceRejected):
    """The broker's answer does not fit what it was asked, or what its own log says."""

    code = "release-contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A lease that runs until `ends_at`, by `boot_time`, counted from before it was asked for.

    `released` is where the log has it.
    """

    lease: str
    lease_s: int
    ends_at: float
    released: Released


class Releasing:
    """The terms' broker, asked under one licence for the one model that the terms pin.

    Raises:
        Misconfigured: the terms' `broker_key` is no key.
    """

    def __init__(self, terms: ReleaseTerms, licence: str, *, clock: Callable[[], float] = boot_time) -> None:
        if terms.broker is None or terms.broker_key is None or terms.broker_pins is None:
            raise AssertionError("a broker is asked that the terms do not name")
        self._key = dsse.parse_public_key(terms.broker_key, where="`release.broker_key`")
        self._broker = Broker(terms.broker, terms.broker_pins)
        self._manifest = terms.manifest
        self._licence = licence
        self._clock = clock

    def release(self, pictures: int) -> tuple[bytes, Granted]:
        """The model's data key, 32 bytes, for a start that runs so many pictures; and the lease on it.

        Raises:
            BrokerRefused: the broker says no, or reserves fewer pictures.
            BrokerUnreachable, BrokerNotPinned: see `Broker.ask`.
            EvidenceRejected: the answer is not what was asked for, or not in the broker's log.
            Misconfigured, Denied, Unavailable: no token could be had; see `attesting.asked_again`.
        """
        release, granted, private, request = self._ask("release", None, pictures)
        if release.pictures < pictures:
            raise REFUSALS["pictures-used-up"].error(
                f"the broker reserves {release.pictures} pictures, and {pictures} are to be run"
            )
        key = open_key(release.sealed or b"", private, request=request)
        if len(key) != KEY_BYTES:
            raise AnswerContradicted("what the broker released is no key of a model", hint=_OWNER)
        return key, granted

    def renew(self, lease: str) -> Granted:
        """The lease runs anew; nothing is counted. Raises as `release`."""
        release, granted, _, _ = self._ask("renew", lease, 0)
        if release.lease != lease:
            raise AnswerContradicted("the broker's answer to a renewal is of something else", hint=_OWNER)
        return granted

    def report(self, receipt: bytes) -> None:
        """The broker has what the job came to, and what was reserved and not run comes back.

        Raises:
            SymbolonError: as `Broker.ask`.
        """
        self._broker.ask(_REPORT, receipt, within=patience.REPORTS)

    def _ask(
        self, purpose: Purpose, lease: str | None, pictures: int
    ) -> tuple[Release, Granted, X25519PrivateKey, bytes]:
        for left in reversed(range(_ROUNDS)):
            try:
                return self._round(purpose, lease, pictures)
            except SymbolonError as refused:
                if not left or refused.code not in _ANEW:
                    raise
        raise AssertionError("the last round returns or raises")

    def _round(
        self, purpose: Purpose, lease: str | None, pictures: int
    ) -> tuple[Release, Granted, X25519PrivateKey, bytes]:
        asked_at = self._clock()
        with self._broker.talking() as ask:
            challenge = parse_challenge(ask(_CHALLENGE, b""))
            private, public = new_key_pair()
            request = render_request(
                ReleaseRequest(
                    broker=self._key.key_id,
                    challenge=challenge.challenge,
                    public_key=public,
                    licence=self._licence,
                    manifest=self._manifest,
                    purpose=purpose,
                    lease=lease,
                    pictures=pictures,
                )
            )
            token = attesting.asked_again(audience_of(self._key.key_id), nonces=[nonce_of(request)])
            parse_token(token)
            call = render_call(Call(request=request, token=token))
            release = parse_release(ask(_RELEASE, call))
        check_answer(release, request, key=self._key)
        granted = Granted(
            lease=release.lease,
            lease_s=release.lease_s,
            ends_at=asked_at + release.lease_s,
            released=Released(request=release.request, logged=release.logged),
        )
        return release, granted, private, request


def check_answer(release: Release, request: bytes, *, key: dsse.PublicKey) -> None:
    """The answer is to this request, and the log of the broker with that key has it as it says.

    Raises:
        AnswerContradicted: it is not, or the log has something else.
        EvidenceRejected: its entry is malformed, or not in that log.
        Misconfigured: its entry is of another format, or `key` is no broker's.
    """
    asked, logged = parse_request(request), release.logged
    if release.request != request_digest(request):
        raise AnswerContradicted("the broker's answer is to another request", hint=_OWNER)
    if (release.sealed is None) != (asked.purpose == "renew"):
        raise AnswerContradicted(
            f"the broker's answer to a {asked.purpose} is of something else", hint=_OWNER
        )
    entry = parse_entry(logged.entry)
    said = check_opening(entry, logged.opening).said
    facts = {
        "request": release.request,
        "purpose": asked.purpose,
        "licence": asked.licence,
        "manifest": asked.manifest,
        "lease": release.lease,
        "pictures": str(release.pictures),
        "ends_at": str(release.lease_ends_at),
    }
    if entry.kind != asked.purpose or any(said.get(name) != value for name, value in facts.items()):
        raise AnswerContradicted("the entry of the broker's log is of something else", hint=_OWNER)
    if not 0 < release.lease_s <= release.lease_ends_at - entry.at:
        raise AnswerContradicted("the lease is longer than the broker's log says", hint=_OWNER)
    verify_logged(logged, key)


_OWNER = "the owner looks at the broker, and at what stands before it"
