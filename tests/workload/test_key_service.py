"""Cloud KMS unwraps a sealed model's key, and each of its answers that does not is told by its name."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import google_crc32c
import pytest
import requests
from google.auth.credentials import Credentials
from requests.adapters import BaseAdapter

from attestation.digests import digest_of
from attestation.errors import Denied, ExitCode, Misconfigured, SymbolonError, Unavailable
from contract.wrapped_keys import WrappedKey
from tests.sealed_models import KEY, KMS
from workload import patience
from workload.credentials import Federated
from workload.key_service import KeyService, KeyUnusable, WrappedKeyRefused
from workload.patience import Patience

MANIFEST = digest_of(b"a manifest")
ENTRY = WrappedKey(kms=KMS, wrapped=b"wrapped")
MEMBER = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/attribute.a/b"
VERSION = f"{KMS}/cryptoKeyVersions/1"
Answer = tuple[int, Any]


class Token(Credentials):
    """A credential that has its token already."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "ya29.federated"

    def refresh(self, request: object) -> None:
        """It stays the same."""


class Answers(BaseAdapter):
    """Answers in turn, the last one for ever; what was asked is kept."""

    def __init__(self, answers: Sequence[Answer | Exception]) -> None:
        super().__init__()
        self._answers = list(answers)
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = requests.Response()
        response.status_code, response.request = status, request
        response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        response.url = str(request.url)
        if status == 302:
            response.headers["Location"] = "https://elsewhere.example/"
        return response

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=9.0, call_s=1.0, attempts=3))
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.001)


@pytest.fixture
def ask() -> Callable[..., tuple[bytes, Answers]]:
    def ask(*answers: Answer | Exception) -> tuple[bytes, Answers]:
        service, adapter = KeyService(Federated(credential=Token(), member=MEMBER)), Answers(answers)
        service._session.mount("https://", adapter)
        try:
            return service.unwrap(ENTRY, MANIFEST), adapter
        finally:
            service.close()

    return ask


Asking = Callable[..., tuple[bytes, Answers]]


def plaintext(data: bytes, **changes: object) -> Answer:
    checksum = str(google_crc32c.value(data))
    answer = {"plaintext": base64.b64encode(data).decode(), "plaintextCrc32c": checksum, "usedPrimary": True}
    return 200, {name: value for name, value in {**answer, **changes}.items() if value is not None}


def refusal(status: int, code: str, message: str, **more: object) -> Answer:
    return status, {"error": {"code": status, "message": message, "status": code, **more}}


def test_what_is_asked_is_what_google_documents_with_every_checksum(ask: Asking) -> None:
    key, adapter = ask(plaintext(KEY))
    assert key == KEY
    (asked,) = adapter.asked
    assert (asked.method, asked.url) == ("POST", f"https://cloudkms.googleapis.com/v1/{KMS}:decrypt")
    assert asked.headers["authorization"] == "Bearer ya29.federated"
    associated = bytes.fromhex(MANIFEST.removeprefix("sha256:"))
    assert json.loads(asked.body or "") == {
        "ciphertext": base64.b64encode(b"wrapped").decode(),
        "ciphertextCrc32c": str(google_crc32c.value(b"wrapped")),
        "additionalAuthenticatedData": base64.b64encode(associated).decode(),
        "additionalAuthenticatedDataCrc32c": str(google_crc32c.value(associated)),
    }


@pytest.mark.parametrize(
    "passing",
    [
        refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        refusal(503, "UNAVAILABLE", "try again"),
        (500, b"<html>"),
        requests.ConnectionError("reset"),
        plaintext(KEY, plaintextCrc32c="1"),
        plaintext(KEY, plaintextCrc32c=None),
        plaintext(KEY, plaintextCrc32c=google_crc32c.value(KEY)),
        plaintext(KEY, plaintext=base64.b64encode(KEY[::-1]).decode()),
        plaintext(KEY, plaintext="%"),
        plaintext(KEY, plaintext=None),
        (200, []),
        (200, b"not JSON"),
        refusal(400, "INVALID_ARGUMENT", "The checksum in field ciphertext_crc32c did not match the data."),
    ],
)
def test_what_passes_or_arrives_damaged_is_asked_for_again(ask: Asking, passing: Answer | Exception) -> None:
    key, adapter = ask(passing, passing, plaintext(KEY))
    assert (key, len(adapter.asked)) == (KEY, 3)
    with pytest.raises(Unavailable) as refused:
        ask(passing)
    assert "cloudkms.googleapis.com" in refused.value.message
    assert refused.value.hint


def as_google(state: str) -> str:
    return f"{VERSION} is not enabled, current state is: {state}."


DENIED = (
    f"Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource '{KMS}' (or it may not exist)."
)
OFF = {"details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]}
REFUSALS: list[tuple[str, Answer, type[SymbolonError], str, str]] = [
    (
        "no permission, or another project",
        refusal(403, "PERMISSION_DENIED", DENIED),
        Denied,
        f"`cloudkms.cryptoKeyVersions.useToDecrypt` is missing on `{KMS}`",
        "the owner grants it: gcloud kms keys add-iam-policy-binding lite0 --keyring=models"
        f" --location=europe-west4 --project=primus-project --member={MEMBER}"
        " --role=roles/cloudkms.cryptoKeyDecrypter",
    ),
    ("a token that is no longer taken", refusal(401, "UNAUTHENTICATED", "no"), Denied, "is missing on", ""),
    (
        "an API that is off",
        refusal(403, "PERMISSION_DENIED", "Cloud KMS API has not been used", **OFF),
        Misconfigured,
        "`primus-project` has not enabled Cloud KMS",
        "gcloud services enable cloudkms.googleapis.com --project=primus-project",
    ),
    (
        "no such key",
        refusal(404, "NOT_FOUND", f"CryptoKey {KMS} not found."),
        Misconfigured,
        f"`{KMS}` does not exist",
        "`release.kms`",
    ),
    (
        "a disabled version",
        refusal(400, "FAILED_PRECONDITION", as_google("DISABLED")),
        KeyUnusable,
        "current state is: DISABLED",
        "gcloud kms keys versions list --key=lite0 --keyring=models --location=europe-west4",
    ),
    (
        "a destroyed version",
        refusal(400, "FAILED_PRECONDITION", as_google("DESTROYED")),
        KeyUnusable,
        "current state is: DESTROYED",
        "enables or restores",
    ),
    (
        "another manifest's wrapped key",
        refusal(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid."),
        WrappedKeyRefused,
        "it was wrapped for another manifest, or altered",
        "symbolon owner protect",
    ),
    ("a key of another length", plaintext(KEY[:31]), WrappedKeyRefused, "no key of a model", ""),
    ("anything else", (418, b"short and stout"), Misconfigured, "answers 418", "stands between"),
    ("a refusal that is no object", (404, {"error": "no"}), Misconfigured, "does not exist", ""),
]


@pytest.mark.parametrize(
    ("answer", "family", "says", "hint"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_says_what_is_wrong_and_what_to_do_and_is_final(
    ask: Asking, answer: Answer, family: type[SymbolonError], says: str, hint: str
) -> None:
    asked = Answers([answer])
    service = KeyService(Federated(credential=Token(), member=MEMBER))
    service._session.mount("https://", asked)
    with pytest.raises(family) as refused:
        service.unwrap(ENTRY, MANIFEST)
    assert type(refused.value) is family
    assert says in refused.value.message
    assert hint in refused.value.hint
    assert "\n" not in refused.value.message
    assert "ya29" not in refused.value.message + refused.value.hint
    assert len(asked.asked) <= 3
    if asked.asked[0] and family is not Denied:
        assert len(asked.asked) == 1
    assert refused.value.exit_code in (ExitCode.REFUSED, ExitCode.MISCONFIGURED)


def test_a_redirect_leads_nowhere(ask: Asking) -> None:
    with pytest.raises(Misconfigured, match="answers 302"):
        ask((302, b""), plaintext(KEY))


def test_a_federated_identity_does_not_show_its_token() -> None:
    assert "ya29" not in repr(Federated(credential=Token(), member=MEMBER))
