"""Whether a token is what it claims, for this broker and this request, and whether the policy admits it.

- **Token**: it leads to the one root, by the broker's own clock; its audience is this one alone.
- **World**: where production is believed, no token that an emulator made.
- **Nonce**: it has one, the digest of what it speaks for.
- **Age**: it was issued after that was asked for, give or take `CLOCKS_S`.
- **Machine**: it names the image and the instance, which a lease is given to.
- **Policy**: the owner's provider admits its claims, by `policy.deciding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from attestation.claims import Claims
from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object
from attestation.tokens import parse_token
from attestation.verification import VerifiedClaims, verify_pki_token
from contract.licence import Evidence
from contract.release_refusals import REFUSALS, BrokerRefused
from policy.deciding import Decision, decide
from policy.provider import Provider, parse_provider

from .broker import TokenRules

CLOCKS_S: Final = 30
"""So much may the platform's clock and the broker's differ."""
_MOST_NAME: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A machine that has just proved what it runs. `verify` alone makes one.

    `machine` names it among all projects' (`projects/N/instances/ID`), `instance` within its project.
    """

    verified: VerifiedClaims
    image: Digest
    project: str
    instance: str
    machine: str
    service_accounts: tuple[str, ...]
    evidence: Evidence = "confidential-space"


def verify(
    rules: TokenRules, token: str, *, audience: str, nonce: str, not_before: int, now: float
) -> Admitted:
    """The machine that the token speaks for, to whoever has that audience, of what has that nonce.

    `not_before` is when it was asked for, and `now` the broker's clock: seconds since the epoch.

    Raises:
        BrokerRefused: `broker-token-rejected`, `broker-nonce-mismatch`, `broker-token-too-old`.
    """
    try:
        verified = verify_pki_token(
            parse_token(token), root=rules.root, audiences=(audience,), now=now, leeway_s=CLOCKS_S
        )
    except EvidenceRejected as rejected:
        raise _rejected(rejected.message) from None
    claims = verified.claims
    if claims.aud != (audience,):
        raise _rejected("the token is for others besides this broker")
    if now >= claims.exp:
        raise _rejected("the token has expired")
    if rules.mode == "production" and "symbolon_emulator" in verified.raw:
        raise _rejected("an emulator made the token, and the broker believes Google alone")
    if claims.eat_nonce != (nonce,):
        raise REFUSALS["broker-nonce-mismatch"].error()
    if claims.iat < not_before - CLOCKS_S:
        raise REFUSALS["broker-token-too-old"].error()
    return _machine(verified, claims)


def admit(policy: bytes | None, machine: Admitted) -> None:
    """The owner's policy admits the machine.

    Raises:
        BrokerRefused: `broker-policy-refused`, `broker-policy-unknown`.
    """
    if policy is None:
        raise REFUSALS["broker-policy-refused"].error(
            "the broker has no policy, so it admits nobody",
            "the owner hands one over: `symbolon owner approve`",
        )
    try:
        provider = _provider(policy)
    except (Misconfigured, EvidenceRejected):
        raise REFUSALS["broker-policy-unknown"].error("the broker's policy cannot be read") from None
    claims = machine.verified
    if provider.issuer != claims.claims.iss:
        raise REFUSALS["broker-policy-refused"].error(
            f"the policy is for tokens of {quoted(provider.issuer)}, not of {quoted(claims.claims.iss)}"
        )
    decision = decide(provider, claims.raw)
    if decision.admitted:
        return
    if decision.outcome == "refused":
        raise REFUSALS["broker-policy-refused"].error(
            f"the owner's policy does not admit it: {_why(decision)}"
        )
    raise REFUSALS["broker-policy-unknown"].error()


def _machine(verified: VerifiedClaims, claims: Claims) -> Admitted:
    container = claims.submods.container if claims.submods else None
    gce = claims.submods.gce if claims.submods else None
    image = container.image_digest if container else None
    if image is None or gce is None or not gce.instance_id or not gce.project_number or not gce.project_id:
        raise _rejected("the token names no image, or no instance of a project")
    names = (gce.instance_id, gce.project_number, gce.project_id, *(claims.google_service_accounts or ()))
    if not all(each.isascii() and each.isprintable() and len(each) <= _MOST_NAME for each in names):
        raise _rejected("a name in the token is none of Google's")
    try:
        digest = parse_digest(image)
    except Misconfigured:
        raise _rejected("the token's image digest is none") from None
    return Admitted(
        verified=verified,
        image=digest,
        project=gce.project_id,
        instance=gce.instance_id,
        machine=f"projects/{gce.project_number}/instances/{gce.instance_id}",
        service_accounts=claims.google_service_accounts or (),
    )


@lru_cache(maxsize=8)
def _provider(policy: bytes) -> Provider:
    return parse_provider(parse_json_object(policy, what="policy"))


def _why(decision: Decision) -> str:
    """In one line what refused, and no more than fits one."""
    if decision.refusal is not None:
        return decision.refusal.message
    clauses = decision.trace.clauses if decision.trace is not None else ()
    refusing = next((each for each in clauses if each.outcome in ("false", "error")), None)
    if refusing is None:
        return "a clause of it is not true"
    return quoted(refusing.text, most_characters=160)


def _rejected(why: str) -> BrokerRefused:
    return REFUSALS["broker-token-rejected"].error(f"the broker does not believe the token: {why}")
