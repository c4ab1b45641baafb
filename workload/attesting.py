"""The launcher's two ways of handing a container its attestation token.

Its socket mints a fresh token for any audience. Older launchers have only a file, with a token
for the default audience, which the launcher renews while it can.

Source: google/go-tpm-tools, launcher/teeserver/tee_server.go and launcher/container_runner.go.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from attestation.errors import Denied, EvidenceRejected, Misconfigured, SymbolonError, Unavailable, quoted
from attestation.tokens import MAX_TOKEN_CHARACTERS, parse_token

from . import container, patience

# The launcher answers 400 for these gRPC codes of the verifier alike; its text says which it was.
_REFUSALS: dict[str, type[SymbolonError]] = {
    "PermissionDenied": Denied,
    "Unauthenticated": Denied,
    "FailedPrecondition": EvidenceRejected,
}


def subject_token(audience: str, *, now: float) -> str:
    """An attestation token, from the socket for `audience`, else from the file for the default one.

    `now` is in seconds since the epoch. The token is not verified here: that is STS's part.

    Raises:
        Misconfigured: neither socket nor file is there, or the launcher refuses the request.
        Denied, EvidenceRejected: the verifier refuses this machine, or the answer is no token.
        Unavailable: the launcher does not answer, or the file's token has expired.
    """
    if Path(container.TEESERVER_SOCKET).exists():
        token = _ask_patiently(audience, "OIDC", [])
        parse_token(token)
        return token
    return _read_file(now)


def fresh_token(audience: str, *, nonces: Sequence[str] = ()) -> str:
    """A PKI token for `audience` that says `nonces`; it is not verified here. Only the socket gives one.

    Raises:
        Misconfigured: there is no socket, or the launcher refuses the request.
        Denied, EvidenceRejected, Unavailable: as `subject_token`.
    """
    if not Path(container.TEESERVER_SOCKET).exists():
        if not Path(container.TOKEN_FILE).exists():
            raise _not_launched()
        raise Misconfigured(
            "this launcher has no socket to ask for a token, so results could not prove themselves",
            hint="launch a current Confidential Space image: `--image-family=confidential-space`",
        )
    return asked_again(audience, nonces=nonces)


def asked_again(audience: str, *, nonces: Sequence[str] = ()) -> str:
    """As `fresh_token`, by a program that has had one: that the socket is gone will pass, or a restart helps.

    Raises:
        Misconfigured, Denied, EvidenceRejected, Unavailable: as `fresh_token`.
    """
    return _ask_patiently(audience, "PKI", nonces)


def _ask_patiently(audience: str, kind: str, nonces: Sequence[str]) -> str:
    return patience.patiently(lambda: _ask_socket(audience, kind, nonces), patience.SERVICES)


def _ask_socket(audience: str, kind: str, nonces: Sequence[str]) -> str:
    connection = _UnixConnection(str(container.TEESERVER_SOCKET), timeout=patience.SERVICES.call_s)
    body = json.dumps({"audience": audience, "token_type": kind, **({"nonces": nonces} if nonces else {})})
    try:
        with closing(connection):
            connection.request("POST", "/v1/token", body, {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                answer = response.read(MAX_TOKEN_CHARACTERS + 1)
                if response.length and len(answer) <= MAX_TOKEN_CHARACTERS:
                    raise http.client.IncompleteRead(answer, response.length)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            "the launcher's socket does not answer", hint="start the job again; the launcher's log says more"
        ) from error
    if response.status == http.client.OK:
        return answer.decode("utf-8", "replace")
    raise _refusal(response.status, answer.decode("utf-8", "replace").strip())


def _refusal(status: int, text: str) -> SymbolonError:
    if status == http.client.TOO_MANY_REQUESTS or status >= http.client.INTERNAL_SERVER_ERROR:
        return Unavailable(
            f"the launcher could not get a token: it answers {status}",
            hint="start the job again; the launcher's log says more",
        )
    family = next((family for code, family in _REFUSALS.items() if f"code = {code}" in text), Misconfigured)
    return family(
        f"the launcher refuses to get a token: it answers {status}, {quoted(text, most_characters=200)}",
        hint="check the workload's service account: it needs `roles/confidentialcomputing.workloadUser`",
    )


def _read_file(now: float) -> str:
    try:
        text = Path(container.TOKEN_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise _not_launched() from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable("the launcher's token file cannot be read", hint="start the job again") from error
    # Read unverified, only to say more than STS would about a file that the launcher left behind.
    expires_at = parse_token(text).claims.get("exp")
    if isinstance(expires_at, int | float) and expires_at <= now:
        raise Unavailable(
            f"the launcher's token expired {now - expires_at:.0f} s ago and was not renewed",
            hint="start the job again; the launcher's log says why it could not renew the token",
        )
    return text


def _not_launched() -> Misconfigured:
    return Misconfigured(
        "neither the launcher's socket nor its token file is there",
        hint="run this image in Confidential Space: `--image-project=confidential-space-images`",
    )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
