"""The owner's credential against each answer that STS and IAM may give, none of which leaves the process."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.exceptions import TransportError

from attestation.errors import Denied, EvidenceRejected, Misconfigured, NotKnown, SymbolonError, Unavailable
from contract.terms import parse_terms
from tests.workload.samples import terms_text
from workload import attesting, credentials, patience
from workload.patience import Patience

TERMS = parse_terms(terms_text()).credential
STS, IAM = "sts.googleapis.com", "iamcredentials.googleapis.com"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
FEDERATED = {
    "access_token": "federated",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "token_type": "Bearer",
    "expires_in": 3600,
}
UNREACHABLE: Exception = TransportError("no")  # type: ignore[no-untyped-call]
OWNERS = {"accessToken": "the owner's", "expireTime": "2999-01-01T00:00:00Z"}


@dataclass
class Answer:
    """An HTTP answer as google-auth reads it."""

    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return (self.document if isinstance(self.document, str) else json.dumps(self.document)).encode()


@dataclass
class Google:
    """STS and IAM Credentials: what each answers, the last one again and again, and what each was asked."""

    sts: list[Answer | Exception] = field(default_factory=lambda: [Answer(200, FEDERATED)])
    iam: list[Answer | Exception] = field(default_factory=lambda: [Answer(200, OWNERS)])
    asked: list[tuple[str, str, Any, Any]] = field(default_factory=list)
    session: Any = None

    def by(self, session: Any = None) -> Google:
        self.session = session
        return self

    def __call__(self, url: str, method: str, body: Any, headers: Any, timeout: float) -> Answer:
        self.asked.append((url, method, body, timeout))
        answers = self.sts if STS in url else self.iam
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def token_for(audience: str, **said: object) -> str:
    """A token that nobody signed: what it says is read, and Google alone verifies it."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": audience, **said})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join((*encoded, "c2lnbmF0dXJl"))


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    """In place of the network and of the launcher; nothing is waited for long."""
    google = Google()
    monkeypatch.setattr(credentials, "Request", google.by)
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=1.0, call_s=20.0, attempts=9))
    monkeypatch.setattr(attesting, "subject_token", lambda audience, now: token_for(audience))
    return google


def test_the_owners_account_is_asked_for_with_an_attestation_token_and_reads_alone(google: Google) -> None:
    credential = credentials.owner_credential(TERMS)
    assert credential.token == "the owner's"
    (sts, method, body, timeout), (iam, *_, asked, _) = google.asked
    assert (sts, method, timeout) == ("https://sts.googleapis.com/v1/token", "POST", 20.0)
    exchange = {name: value for name, [value] in parse_qs(body.decode()).items()}
    assert exchange["audience"] == TERMS.audience
    assert exchange["subject_token"] == token_for(f"https:{TERMS.audience}")
    assert exchange["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    assert iam == (
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
        "reader@primus.iam.gserviceaccount.com:generateAccessToken"
    )
    assert json.loads(asked)["scope"] == [READ_ONLY]
    assert json.loads(asked)["lifetime"] == "900s"


@pytest.mark.parametrize("passing", [Answer(429, {}), Answer(500, {}), Answer(503, {}), UNREACHABLE])
def test_what_passes_is_asked_again(google: Google, passing: Answer | Exception) -> None:
    google.sts.insert(0, passing)
    google.iam.insert(0, passing)
    assert credentials.owner_credential(TERMS).token == "the owner's"
    assert [STS in url for url, *_ in google.asked] == [True, True, False, False]


@pytest.mark.parametrize(
    ("host", "answer", "said"),
    [
        ("sts", Answer(429, {}), "`sts.googleapis.com` answers 429"),
        ("sts", Answer(500, {}), "`sts.googleapis.com` answers 500"),
        ("iam", Answer(503, {}), "`iamcredentials.googleapis.com` answers 503"),
        ("iam", UNREACHABLE, "`iamcredentials.googleapis.com` cannot be reached"),
    ],
)
def test_what_stays_is_unavailable(
    google: Google, monkeypatch: pytest.MonkeyPatch, host: str, answer: Answer | Exception, said: str
) -> None:
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=9.0, call_s=20.0, attempts=1))
    setattr(google, host, [answer])
    with pytest.raises(Unavailable) as refused:
        credentials.owner_credential(TERMS)
    assert refused.value.message == said
    assert "status.cloud.google.com" in refused.value.hint


def refusal_of(google: Google) -> SymbolonError:
    with pytest.raises(SymbolonError) as refused:
        credentials.owner_credential(TERMS)
    assert refused.value.hint
    return refused.value


@pytest.mark.parametrize(
    ("document", "family", "said"),
    [
        ({"error": "unauthorized_client", "error_description": "no"}, Denied, "`no`"),
        ({"error": "access_denied", "error_description": "no"}, Denied, "`no`"),
        ({"error": "invalid_grant", "error_description": "old"}, EvidenceRejected, "`old`"),
        ({"error": "emulator_unknown", "error_description": "?"}, NotKnown, "`?`"),
        ({"error": "invalid_target", "error_description": "gone"}, Misconfigured, "`gone`"),
        ({"error": "invalid_request"}, Misconfigured, "`invalid_request`"),
        ({}, Misconfigured, "`no reason given`"),
        ("not JSON", Misconfigured, "`no reason given`"),
        (
            {"error": "access_denied", "error_description": "x" * 301},
            Denied,
            f"`{'x' * 300}…`",
        ),
    ],
)
def test_a_refusal_by_sts_goes_to_whoever_acts_next(
    google: Google, document: Any, family: type[SymbolonError], said: str
) -> None:
    google.sts = [Answer(400, document)]
    refusal = refusal_of(google)
    assert (type(refusal), refusal.message) == (family, f"STS refuses the exchange: {said}")
    assert len(google.asked) == 1


def test_an_answer_below_500_is_a_refusal_and_is_not_asked_for_again(google: Google) -> None:
    google.sts = [Answer(499, {"error": "access_denied"})]
    assert type(refusal_of(google)) is Denied
    assert len(google.asked) == 1


@pytest.mark.parametrize(
    ("status", "document", "family", "said"),
    [
        (403, {"error": {"code": 403, "message": "no"}}, Denied, "`no`"),
        (400, {"error": {"code": 400, "message": "bad"}}, Misconfigured, "`bad`"),
        (404, {"error": {"code": 404, "message": "gone"}}, Misconfigured, "`gone`"),
        (403, {"error": {}}, Denied, "`no reason given`"),
        (403, {"error": "no"}, Denied, "`no reason given`"),
        (403, ["error"], Denied, "`no reason given`"),
        (403, "not JSON", Denied, "`no reason given`"),
        (403, {"error": {"code": 403, "message": "x" * 301}}, Denied, f"`{'x' * 300}…`"),
    ],
)
def test_a_refusal_by_iam_goes_to_whoever_acts_next(
    google: Google, status: int, document: Any, family: type[SymbolonError], said: str
) -> None:
    google.iam = [Answer(status, document)]
    refusal = refusal_of(google)
    assert type(refusal) is family
    assert refusal.message == f"the owner's service account may not be used: {said}"
    assert refusal.hint.startswith("the owner grants it: gcloud iam service-accounts add-iam-policy-binding ")
    assert "/attribute.image_digest/" in refusal.hint
    assert refusal.hint.endswith(" --role=roles/iam.workloadIdentityUser")


POOL = "projects/12345/locations/global/workloadIdentityPools/pool"
DIGEST = "sha256:" + "d" * 64
MEMBER = f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/"


def image_of(monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    """What the launcher's token says besides."""
    monkeypatch.setattr(attesting, "subject_token", lambda audience, now: token_for(audience, **said))


def test_the_federated_identity_is_had_without_an_account_and_for_keys_alone(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_of(monkeypatch, submods={"container": {"image_digest": DIGEST}})
    federated = credentials.federated_credential(TERMS)
    assert (federated.credential.token, federated.member) == ("federated", MEMBER + DIGEST)
    assert "credential" not in repr(federated)
    ((url, method, body, _),) = google.asked
    assert (url, method) == ("https://sts.googleapis.com/v1/token", "POST")
    assert parse_qs(body.decode())["scope"] == ["https://www.googleapis.com/auth/cloudkms"]


@pytest.mark.parametrize(
    ("said", "image"),
    [
        ({"submods": {"container": {"image_digest": DIGEST}}}, DIGEST),
        ({"submods": {"container": {"image_digest": 7}}}, "IMAGE_DIGEST"),
        ({"submods": {"container": "none"}}, "IMAGE_DIGEST"),
        ({"submods": []}, "IMAGE_DIGEST"),
        ({}, "IMAGE_DIGEST"),
    ],
)
def test_the_command_that_grants_an_account_names_whom_the_token_speaks_for(
    google: Google, monkeypatch: pytest.MonkeyPatch, said: dict[str, object], image: str
) -> None:
    image_of(monkeypatch, **said)
    google.iam = [Answer(403, {"error": {"code": 403, "message": "no"}})]
    assert refusal_of(google).hint == (
        "the owner grants it: gcloud iam service-accounts add-iam-policy-binding"
        f" reader@primus.iam.gserviceaccount.com --project=primus --member={MEMBER}{image}"
        " --role=roles/iam.workloadIdentityUser"
    )


def test_the_session_by_which_google_is_asked_is_settled(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[object] = []
    monkeypatch.setattr(credentials, "settle", settled.append)
    credentials.owner_credential(TERMS)
    assert settled == [google.session] and google.session is not None


def test_a_hint_after_a_refusal_by_sts_fits_its_family(google: Google) -> None:
    hints = {}
    for code in ("access_denied", "invalid_grant", "emulator_unknown", "invalid_target"):
        google.sts = [Answer(400, {"error": code})]
        hints[code] = refusal_of(google).hint
    assert "names the clause" in hints["access_denied"]
    assert "issuer and audiences" in hints["invalid_grant"]
    assert "Google's own STS" in hints["emulator_unknown"]
    assert "provider named in the terms" in hints["invalid_target"]


JSON = {"content-type": "application/json"}
ACCOUNT = Answer(200, {"email": "vm@secundus", "scopes": [], "aliases": ["default"]}, JSON)
TOKEN = Answer(200, {"access_token": "the VM's", "expires_in": 3600, "token_type": "Bearer"}, JSON)


def test_the_operators_credential_is_the_machines_own_whatever_the_environment_names(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    google.iam = [Answer(503, {}), ACCOUNT, TOKEN]
    assert credentials.operator_credential().token == "the VM's"
    assert all("/instance/service-accounts/default/" in url for url, *_ in google.asked)
    scopes = parse_qs(urlsplit(google.asked[-1][0]).query)["scopes"]
    assert scopes == ["https://www.googleapis.com/auth/devstorage.read_write"]
    assert {timeout for *_, timeout in google.asked} == {3.0}  # it is on the machine itself


@pytest.mark.parametrize(
    ("answer", "family", "said"),
    [
        (UNREACHABLE, credentials.NoServiceAccount, "this machine has no metadata server"),
        (Answer(404, "not found"), credentials.NoServiceAccount, "this machine has no service account"),
        (Answer(403, "no"), Unavailable, "gives no credential"),
        (Answer(503, {}), Unavailable, "answers 503"),
    ],
    ids=["no metadata server", "no account", "a refusal", "a failure"],
)
def test_a_machine_that_gives_no_credential_is_told_apart_from_one_that_has_none(
    google: Google,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer | Exception,
    family: type[SymbolonError],
    said: str,
) -> None:
    monkeypatch.setattr(patience, "METADATA", Patience(total_s=0.1, call_s=3.0, attempts=9))
    google.iam = [answer]
    with pytest.raises(family, match=said) as refused:
        credentials.operator_credential()
    assert refused.value.hint


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("document", ["[]", '["denied"]', '""', "null", "7"])
def test_a_refusal_of_sts_that_is_no_object_is_a_refusal_and_no_bug(
    google: Google, document: str, status: int
) -> None:
    google.sts = [Answer(status, document)]
    refusal = refusal_of(google)
    assert type(refusal) is Misconfigured
    assert refusal.message == "STS refuses the exchange: `no reason given`"


def test_a_service_is_asked_for_a_minute_and_each_call_has_twenty_seconds() -> None:
    assert Patience(total_s=60.0, call_s=20.0, attempts=20) == patience.SERVICES
