"""What people hand in for an attestation token, and the sentence that helps them on.

No sentence repeats a part of the token.

Source: RFC 7515 and RFC 7516, compact forms; RFC 6750, section 2.1; Google Cloud documentation,
"Token types"; the issuers' own discovery documents for their names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

from attestation.errors import EvidenceRejected, Misconfigured
from attestation.issuer import ISSUER
from attestation.tokens import UnverifiedToken, parse_token
from policy.documents import is_yaml, other_text, what_is
from policy.issuers import issuer_of

TOKEN_FILE: Final = "/run/container_launcher/attestation_verifier_claims_token"  # noqa: S105
_WHERE: Final = f"the attestation token is in the workload's `{TOKEN_FILE}`"
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019"
_BEARER: Final = re.compile(r"(?:authorization:\s*)?bearer\s", re.IGNORECASE)
_GOOGLE_ACCESS: Final = re.compile(r"ya29\.|1//")
_OTHER_ACCESS: Final = re.compile(r"gh[opsu]_|github_pat_|glpat-|hvs\.|xox[bp]-")
_COMPACT: Final = re.compile(r"[\w-]+(?:\.[\w-]*)+", re.ASCII)
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_BASE64: Final = re.compile(r"[\w+/-]+=*(?:\.[\w+/-]+=*){2}", re.ASCII)
_CUT: Final = re.compile(r"\.{3}|\u2026")
_CONDITION: Final = re.compile(r"\bassertion\s*[.\[]|\bhas\s*\(")
_POLICY_TABLES: Final = frozenset(("provider", "what", "where", "who", "how"))
_CLAIMS: Final = "a token's claims"
_ISSUERS: Final[Mapping[str, str]] = {
    "https://accounts.google.com": "an ID token of a Google account, as `gcloud auth print-identity-token`"
    " or a VM's metadata server gives it",
    "https://container.googleapis.com/": "a token of a Kubernetes service account",
    "https://securetoken.google.com/": "a token of Firebase's",
    "https://sts.windows.net/": "a token of Microsoft's",
    "https://login.microsoftonline.com/": "a token of Microsoft's",
}


def parse_handed_token(text: str) -> UnverifiedToken:
    """`text` as a token; where it is none, the hint says what was probably meant.

    Raises:
        EvidenceRejected: it is none.
        Misconfigured: it is another file that people have at hand.
    """
    try:
        return parse_token(text)
    except EvidenceRejected as rejection:
        if found := _other_file(text):
            raise Misconfigured(f"this is {found}, where a token is wanted", hint=_WHERE) from None
        rejection.hint = mistake_in(text) or rejection.hint
        raise


def mistake_in(text: str) -> str:
    """The probable mistake in a text that is no token; "" where nothing is known.

    >>> mistake_in("Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA")
    'leave out the word `Bearer`: the token alone is wanted'
    """
    text = text.strip()
    if not text:
        return f"there is nothing in it: {_WHERE}"
    if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        return "leave out the quotes around it"
    if _BEARER.match(text):
        return "leave out the word `Bearer`: the token alone is wanted"
    if _GOOGLE_ACCESS.match(text):
        return f"this is an access token of Google's, which says nothing about a machine: {_WHERE}"
    if _OTHER_ACCESS.match(text):
        return f"this is an access token of somebody else's: {_WHERE}"
    if text.startswith("-----BEGIN"):
        return f"this is a key or a certificate in PEM: {_WHERE}"
    if text.startswith("<"):
        return f"this is a web page: {_WHERE}"
    return _mistake_in_writing(text)


def _mistake_in_writing(text: str) -> str:
    """What happened to a token on its way into the file; "" where nothing is known."""
    if text.startswith("eyJ") and _CUT.search(text):
        return "something was left out of its middle: the whole token is wanted"
    joined = "".join(text.split())
    if text != joined and _COMPACT.fullmatch(joined) and joined.count(".") == 2:
        return "it is broken over several lines: join them with `tr -d '[:space:]' < FILE`"
    if _COMPACT.fullmatch(text):
        return {
            1: "its last part, the signature, was left out: the whole token is wanted",
            4: f"it is encrypted (JWE), and only its receiver can read it: {_WHERE}",
        }.get(text.count("."), "")
    if _BASE64.fullmatch(text):
        return "a token is written in base64url: with `-` and `_` in place of `+` and `/`, and without `=`"
    if len(tokens := _TOKEN.findall(text)) > 1:
        return f"there are {len(tokens)} tokens in it: one is wanted"
    if tokens:
        return "there is more in it than a token: the token alone is wanted, from `eyJ` to its last letter"
    if text.startswith("eyJ") and not text.isascii():
        return "there are characters in it that no token has, perhaps invisible ones: copy it anew"
    return ""


def _other_file(text: str) -> str:
    """What else the file is, in words; "" where it may have been meant for a token."""
    if _TOKEN.search(text) or text.lstrip().startswith(("-----", "<")):
        return ""
    if (other := other_text(text, "")) is not None:
        return other.what
    if found := _toml(text):
        return found
    if text.lstrip().startswith("["):
        return "a list in JSON"
    if is_yaml(text):
        return "YAML as gcloud prints it"
    return "a condition" if _CONDITION.search(text) else ""


def _toml(text: str) -> str:
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
    if not tables:
        return ""
    return "a policy file" if _POLICY_TABLES & set(tables) else "a file in TOML"


def check_are_claims(document: Mapping[str, object]) -> None:
    """The document may be a token's claims: it is no other file that people have at hand.

    Raises:
        Misconfigured: it is one; the message says which.
    """
    texts = [each for each in document.values() if isinstance(each, str)]
    if "access_token" in document or "id_token" in document or any(map(_TOKEN.fullmatch, texts)):
        raise Misconfigured(
            "this is an answer with a token in it, where an attestation token is wanted", hint=_WHERE
        )
    found = what_is(document)
    if found not in ("", _CLAIMS):
        raise Misconfigured(f"this is {found}, where a token is wanted", hint=_WHERE)


def whose(issuer: object) -> str:
    """What a token of this issuer is, in words; "" where it is not known.

    >>> whose("https://gitlab.com")
    'a token of GitLab'
    """
    if not isinstance(issuer, str):
        return ""
    if (known := issuer_of(issuer)) is not None and known.uri != ISSUER:
        return f"a token of {known.name}"
    return next(
        (
            what
            for name, what in _ISSUERS.items()
            if issuer == name or (name.endswith("/") and issuer.startswith(name))
        ),
        "",
    )


def hint_of_issuer(issuer: object) -> str:
    """The hint about a token of this issuer's, where another issuer's is expected."""
    what = whose(issuer)
    return f"this is {what}: {_WHERE}" if what else ""
