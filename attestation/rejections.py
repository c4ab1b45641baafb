"""Why evidence is rejected: one class a cause, each with the slug that reports show.

Whoever catches `EvidenceRejected` catches all of them; nothing else leaves verification
when a token, a certificate or a key set is bad.
"""

from __future__ import annotations

from .errors import EvidenceRejected

# --- the text of a token


class TokenTooLarge(EvidenceRejected):
    """The text is longer than any token that the platform makes."""

    code = "token-too-large"


class TokenMalformed(EvidenceRejected):
    """The text is not three base64url parts, or a part is not a plain JSON object."""

    code = "token-malformed"


class DuplicateClaim(EvidenceRejected):
    """One object names the same member twice, so that two readers could see two values."""

    code = "duplicate-claim"


# --- its header, and the key that it names


class AlgorithmNotAllowed(EvidenceRejected):
    """The header asks for another algorithm than RS256."""

    code = "algorithm-not-allowed"


class CriticalHeader(EvidenceRejected):
    """The header demands an extension (`crit`), and none is understood here."""

    code = "critical-header"


class KeyIdMissing(EvidenceRejected):
    """The header does not name the key that signed the token."""

    code = "key-id-missing"


class KeySetMalformed(EvidenceRejected):
    """The issuer's key set is not a JSON Web Key Set, or the named key in it cannot be read."""

    code = "key-set-malformed"


class DuplicateKeyId(EvidenceRejected):
    """Two keys of the key set have the same `kid`."""

    code = "duplicate-key-id"


class UnknownKey(EvidenceRejected):
    """No key of the issuer's key set has the token's `kid`."""

    code = "unknown-key"


class KeyNotAllowed(EvidenceRejected):
    """The key is not an RSA key of an acceptable size, or is not meant for RS256 signatures."""

    code = "key-not-allowed"


class SignatureInvalid(EvidenceRejected):
    """The key did not sign these bytes."""

    code = "signature-invalid"


# --- the certificate chain of a PKI token


class ChainMissing(EvidenceRejected):
    """The header has no certificate chain (`x5c`)."""

    code = "chain-missing"


class ChainMalformed(EvidenceRejected):
    """The certificate chain cannot be read as a list of X.509 certificates."""

    code = "chain-malformed"


class UntrustedRoot(EvidenceRejected):
    """The chain does not end in the pinned root."""

    code = "untrusted-root"


class ChainBroken(EvidenceRejected):
    """A certificate was not issued by the one that follows it."""

    code = "chain-broken"


class CertificateTwice(EvidenceRejected):
    """One certificate stands twice in the chain."""

    code = "certificate-twice"


class CertificateExpired(EvidenceRejected):
    """A certificate of the chain is no longer valid at the given time."""

    code = "certificate-expired"


class CertificateNotYetValid(EvidenceRejected):
    """A certificate of the chain is not valid yet at the given time."""

    code = "certificate-not-yet-valid"


class NotACertificateAuthority(EvidenceRejected):
    """A certificate that issued another one is not allowed to issue certificates."""

    code = "not-a-certificate-authority"


class PathTooLong(EvidenceRejected):
    """There are more certificates below an authority than it may have."""

    code = "path-too-long"


class KeyUsageForbidden(EvidenceRejected):
    """The leaf certificate does not allow its key to sign anything but certificates."""

    code = "key-usage-forbidden"


class CriticalExtension(EvidenceRejected):
    """A certificate has a critical extension that is not understood here."""

    code = "critical-extension"


class NamesConstrained(EvidenceRejected):
    """A certificate limits the names that may stand below it, and names are not compared here."""

    code = "names-constrained"


# --- the claims


class ClaimMissing(EvidenceRejected):
    """A claim that every token has is absent."""

    code = "claim-missing"


class ClaimMalformed(EvidenceRejected):
    """A claim has another type than its documentation gives it."""

    code = "claim-malformed"


class WrongIssuer(EvidenceRejected):
    """Somebody else than the expected issuer made the token."""

    code = "wrong-issuer"


class WrongAudience(EvidenceRejected):
    """The token was made for somebody else."""

    code = "wrong-audience"


class TokenExpired(EvidenceRejected):
    """The token's lifetime is over at the given time."""

    code = "token-expired"


class TokenNotYetValid(EvidenceRejected):
    """The token's lifetime has not begun at the given time (`nbf`)."""

    code = "token-not-yet-valid"


class TokenIssuedInFuture(EvidenceRejected):
    """The token says that it is issued later than the given time (`iat`)."""

    code = "token-issued-in-future"


class TokenNeverValid(EvidenceRejected):
    """The token expires before it begins (`exp` is not after `iat` and `nbf`)."""

    code = "token-never-valid"
