"""Each way in which a broker says no: its code, what HTTP status carries it, who acts next, and the words.

    {"error": {"code": "licence-used-up", "message": "…", "hint": "…"}}

The workload makes of it the failure of its family (`parse_refusal`), with the code, so that log, `error.json`
and exit code say the same as the broker did. A code that this program does not know is refused as *denied*
where the status is 4xx, and tried again later where it is 5xx.

Source: RFC 9110, section 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attestation.errors import (
    Denied,
    EvidenceRejected,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
    quoted,
)
from attestation.strict_json import parse_json_object

from .canonical import render_canonical

_MOST_CHARACTERS = 400
_LATER = "start the job again; if it stays so, ask the owner"
_OWNER_ISSUES = "the owner issues or renews the licence: `symbolon owner licence`"
_AGAIN = "start the job again: each start asks anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A broker's no: `meaning` is for `symbolon --explain`, the rest for whoever is refused."""

    code: str
    status: int
    family: type[SymbolonError]
    message: str
    hint: str
    meaning: str

    def error(self, message: str = "", hint: str = "") -> BrokerRefused:
        """The failure with this code, in words of the case where there are some."""
        return BrokerRefused(self, message or self.message, hint=hint or self.hint)


class BrokerRefused(SymbolonError):
    """A broker's no, with the family and the exit code of its refusal."""

    def __init__(self, refusal: Refusal, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal
        # The family of an error is its class's elsewhere; this one is told by the broker.
        self.code = refusal.code  # type: ignore[misc]
        self.family = refusal.family.family  # type: ignore[misc]
        self.exit_code = refusal.family.exit_code  # type: ignore[misc]


def _refusal(
    code: str, status: int, family: type[SymbolonError], message: str, hint: str, meaning: str
) -> Refusal:
    return Refusal(code=code, status=status, family=family, message=message, hint=hint, meaning=meaning)


_ALL: Final = (
    _refusal(
        "challenge-unknown",
        409,
        Unavailable,
        "the broker did not give this challenge",
        _AGAIN,
        "The challenge of the request is none that this broker gave, or it has forgotten it.",
    ),
    _refusal(
        "challenge-expired",
        409,
        Unavailable,
        "the challenge is older than the broker takes",
        _AGAIN,
        "More than a minute passed between challenge and request: the platform's token took too long.",
    ),
    _refusal(
        "challenge-used",
        409,
        EvidenceRejected,
        "another request has used this challenge",
        _AGAIN,
        "A challenge answers one request. Somebody sent another one with it.",
    ),
    _refusal(
        "request-malformed",
        400,
        EvidenceRejected,
        "the request is not as this program writes it",
        "workload and broker have to speak one version of this program",
        "The broker cannot read what it was sent; the message says which part.",
    ),
    _refusal(
        "request-too-large",
        413,
        EvidenceRejected,
        "the request is larger than the broker reads",
        "workload and broker have to speak one version of this program",
        "What was sent is larger than any message of the protocol.",
    ),
    _refusal(
        "request-of-another-broker",
        403,
        EvidenceRejected,
        "the request is for another broker",
        "the owner names this broker's key in `release.broker_key`, and publishes the image again",
        "The request names another broker's key than the one that was asked.",
    ),
    _refusal(
        "broker-token-rejected",
        403,
        EvidenceRejected,
        "the broker does not believe the token",
        "the message says which step of its verification failed; check the clocks of both machines",
        "The platform's token does not hold: signature, chain, audience or time. The message says which.",
    ),
    _refusal(
        "broker-nonce-mismatch",
        403,
        EvidenceRejected,
        "the token does not speak for this request",
        _AGAIN,
        "The token's nonce is not the digest of the request that it came with: it was made for another one.",
    ),
    _refusal(
        "broker-token-too-old",
        403,
        EvidenceRejected,
        "the token is older than the challenge",
        "check the clocks of both machines; start the job again",
        "The token was issued before the challenge was given, so it cannot have been made for it.",
    ),
    _refusal(
        "broker-policy-refused",
        403,
        Denied,
        "the owner's policy does not admit this workload",
        "compare the token with the policy: `symbolon auditor explain`",
        "The policy that the broker asks said no, for the reason in the message.",
    ),
    _refusal(
        "broker-policy-unknown",
        403,
        NotKnown,
        "whether the owner's policy admits this workload is not known",
        "the owner writes that clause in a form whose evaluation is known: `symbolon owner policy lint`",
        "The policy asks something whose answer this program does not know, so nothing is released.",
    ),
    _refusal(
        "licence-unknown",
        403,
        Denied,
        "the broker has no such licence",
        "check `tee-env-LICENCE`; the owner registers it: `symbolon owner licence issue`",
        "No licence of that name was registered with this broker.",
    ),
    _refusal(
        "licence-not-begun",
        403,
        Denied,
        "the licence has not begun",
        "wait for the day that it names, or ask the owner",
        "The licence holds from a later time on, by the broker's clock.",
    ),
    _refusal(
        "licence-expired",
        403,
        Denied,
        "the licence has ended",
        _OWNER_ISSUES,
        "The licence held until an earlier time, by the broker's clock.",
    ),
    _refusal(
        "licence-used-up",
        403,
        Denied,
        "all runs of the licence are used",
        _OWNER_ISSUES,
        "Each release counts as a run, one of a job that was started again too.",
    ),
    _refusal(
        "pictures-used-up",
        403,
        Denied,
        "the licence does not have so many pictures left",
        "run fewer pictures, or ask the owner to renew the licence",
        "Pictures are reserved when the key is released; those without a row in a receipt come back.",
    ),
    _refusal(
        "licence-revoked",
        403,
        Denied,
        "the owner has revoked the licence",
        "ask the owner",
        "The licence was taken back. What runs stops when its lease ends, at the latest.",
    ),
    _refusal(
        "licence-of-another",
        403,
        Denied,
        "the licence is somebody else's",
        "launch with a service account, or in a project, that the licence names",
        "Neither the token's service accounts nor its project are the holder's.",
    ),
    _refusal(
        "licence-for-another-image",
        403,
        Denied,
        "the licence is not for this image",
        "launch the image that it was issued for, or ask the owner",
        "The image digest that was measured is none that the licence names.",
    ),
    _refusal(
        "licence-for-another-model",
        403,
        Denied,
        "the licence is not for this model",
        "launch the image that it was issued for, or ask the owner",
        "The manifest is another model's than the licence names.",
    ),
    _refusal(
        "licence-for-another-version",
        403,
        Denied,
        "the licence is not for this version of the model",
        "launch an image with a version that it names, or ask the owner",
        "The model's version is outside the range that the licence names.",
    ),
    _refusal(
        "licence-under-another-policy",
        403,
        Denied,
        "the licence does not hold under the policy that stands now",
        _OWNER_ISSUES,
        "The licence names the digest of one policy, and the broker's is another by now.",
    ),
    _refusal(
        "licence-for-other-evidence",
        403,
        Denied,
        "the licence asks for another kind of evidence",
        "launch on the platform that it names, or ask the owner",
        "The owner names the kind of evidence that a machine brings; what was brought is of another.",
    ),
    _refusal(
        "too-many-at-once",
        429,
        Denied,
        "as many machines as the licence allows run at once",
        "wait until one ends or its lease does, or ask the owner for more",
        "A lease counts until it is reported, or ends.",
    ),
    _refusal(
        "lease-unknown",
        403,
        Denied,
        "the broker has no such lease",
        _AGAIN,
        "The renewal or report names a lease that this broker never gave.",
    ),
    _refusal(
        "lease-ended",
        403,
        Denied,
        "the lease has ended",
        _AGAIN,
        "A lease is renewed before it ends; afterwards a new release is needed, which counts.",
    ),
    _refusal(
        "lease-of-another",
        403,
        EvidenceRejected,
        "the lease is another machine's",
        "each machine renews its own lease: start the job again",
        "Image, instance, licence or model of the renewal are not those that the lease was given to.",
    ),
    _refusal(
        "model-unknown",
        403,
        Misconfigured,
        "the broker has no key for this model",
        "the owner hands it over: `symbolon owner protect --seal broker=URL`",
        "No data key was registered for the manifest that the image names.",
    ),
    _refusal(
        "report-rejected",
        403,
        EvidenceRejected,
        "the receipt does not give pictures back",
        "`symbolon auditor receipt verify` says more about it",
        "Only a receipt that is verified, of the very release that it reports, gives unused pictures back.",
    ),
    _refusal(
        "order-rejected",
        403,
        Denied,
        "the order is not signed by as many of the owner's keys as it needs",
        "`symbolon owner approve` adds a signature",
        "Policy, templates, master key and the list of keys change by the old list's signatures alone.",
    ),
    _refusal(
        "order-out-of-turn",
        409,
        Misconfigured,
        "the order is not the next one, or not for what stands now",
        "make it anew: another order came before it",
        "An order names the digest of what it replaces, and its number: each is used once.",
    ),
    _refusal(
        "broker-not-ready",
        503,
        Unavailable,
        "the broker releases nothing at present",
        _LATER,
        "The broker was restored and waits for its log to be whole, or its witness does not cosign.",
    ),
    _refusal(
        "broker-full",
        503,
        Unavailable,
        "the broker has no room for so large a request at present",
        "the same call may succeed in a moment",
        "Other calls' bodies take what room there is. What asks for a key is small, and always has room.",
    ),
    _refusal(
        "database-unavailable",
        503,
        Unavailable,
        "the broker's database does not answer",
        _LATER,
        "Nothing was counted and nothing was released. The owner looks at the broker's log and its"
        " `symbolon broker status`.",
    ),
    _refusal(
        "rate-limited",
        429,
        Unavailable,
        "too many calls at once",
        "the same call may succeed in a moment",
        "The broker protects itself against more calls than it can answer.",
    ),
)
REFUSALS: Final = {each.code: each for each in _ALL}


def render_refusal(error: BrokerRefused) -> bytes:
    """What the broker answers, with the status of its refusal."""
    said = {"code": error.refusal.code, "message": error.message, "hint": error.hint}
    return render_canonical({"error": said})


def parse_refusal(data: bytes, *, status: int) -> BrokerRefused:
    """The failure that an answer of that status, which is none of success, comes to. It never raises.

    What it says is shown as what a stranger sent: one printable line.
    """
    try:
        error = parse_json_object(data, what="answer")["error"]
        said = error if isinstance(error, dict) else {}
    except (EvidenceRejected, LookupError):
        said = {}
    known = REFUSALS.get(str(said.get("code")))
    if known is None:
        code = quoted(str(said.get("code", "nothing that is known here")))
        known = REFUSALS["broker-not-ready" if status >= 500 else "licence-unknown"]
        return known.error(f"the broker answers {status}, {code}", "ask the owner")
    return known.error(_line(said.get("message")), _line(said.get("hint")))


def _line(value: object) -> str:
    """A stranger's text as one printable line, "" where it is none."""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS or not value.isprintable():
        return ""
    return value
