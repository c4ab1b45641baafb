"""The metadata server, asked by the real google-auth and by hand."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import google.auth
import google.auth.transport.requests
import jwt
import pytest
import requests
from google.auth import compute_engine
from google.auth.compute_engine import _metadata

from emulator.access_tokens import CLOUD_PLATFORM, caller_of_token
from emulator.background import served
from emulator.state import State
from emulator.vm import metadata

_EMAIL = "workload-sa@secundus.iam.gserviceaccount.com"
_INSTANCE = metadata.InstanceIdentity(
    project_id="secundus",
    project_number="200000000002",
    zone="us-west1-b",
    name="vm",
    instance_id="7845806077543069124",
    machine_type="n2d-standard-2",
    service_account=_EMAIL,
    service_account_id="123456789012345678901",
    scopes=(CLOUD_PLATFORM,),
    attributes={"tee-image-reference": "h/i", "tee-env-TOP_K": "5"},
)
_ROOT = "http://metadata.google.internal/computeMetadata/v1/"


@pytest.fixture
def account(state: State) -> dict[str, Any]:
    """The VM's service account, which is there."""
    return state.collection("iam.serviceAccounts").put(_EMAIL, {"email": _EMAIL})


@pytest.fixture
def get(account: dict[str, Any], state: State, ask: Callable[..., Any]) -> Callable[..., Any]:
    app = metadata.make_app(state, _INSTANCE)

    def get(path: str, **headers: str) -> Any:
        return ask(app, "GET", _ROOT + path, headers={"metadata-flavor": "Google", **headers})

    return get


@pytest.fixture
def on_gce(account: dict[str, Any], state: State, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """google-auth believes that it runs on this VM."""
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host)
    monkeypatch.setenv("GCE_METADATA_IP", host)
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(state.folder / "no-gcloud"))
    with served(metadata.make_app(state, _INSTANCE), listener):
        yield


def test_google_auth_finds_the_account_the_project_and_a_token(on_gce: None, state: State) -> None:
    default: tuple[Any, Any] = google.auth.default(scopes=[CLOUD_PLATFORM])
    credentials, project = default
    assert type(credentials).__module__ == compute_engine.Credentials.__module__
    with requests.Session() as session:
        credentials.refresh(google.auth.transport.requests.Request(session))
    assert (project, credentials.service_account_email) == ("secundus", _EMAIL)
    caller = caller_of_token(state, credentials.token)
    assert caller.members == frozenset({f"serviceAccount:{_EMAIL}"})
    assert caller.scopes == frozenset({CLOUD_PLATFORM})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("project/project-id", "secundus"),
        ("project/numeric-project-id", "200000000002"),
        ("instance/zone", "projects/200000000002/zones/us-west1-b"),
        ("instance/name", "vm"),
        ("instance/id", "7845806077543069124"),
        ("instance/machine-type", "projects/200000000002/machineTypes/n2d-standard-2"),
        ("instance/attributes/tee-env-TOP_K", "5"),
        ("instance/service-accounts/default/email", _EMAIL),
        (f"instance/service-accounts/{_EMAIL}/scopes", CLOUD_PLATFORM),
        ("instance/service-accounts/", f"default/\n{_EMAIL}/\n"),
        ("instance/attributes/", "tee-image-reference\ntee-env-TOP_K\n"),
        ("universe/universe-domain", "googleapis.com"),
    ],
)
def test_a_value_is_plain_text(get: Callable[..., Any], path: str, value: str) -> None:
    answer = get(path)
    assert (answer.status, answer.text) == (200, value)
    assert answer.headers["metadata-flavor"] == "Google"


def test_a_folder_is_json_where_it_is_asked_for_whole(get: Callable[..., Any]) -> None:
    assert get("instance/attributes/?recursive=true").json == _INSTANCE.attributes
    whole = get("?recursive=true").json
    assert whole["instance"]["serviceAccounts"]["default"]["email"] == _EMAIL
    assert get("project/?recursive=true").json["numericProjectId"] == 200000000002


@pytest.mark.parametrize("headers", [{"metadata-flavor": "x"}, {"x-forwarded-for": "1.2.3.4"}])
def test_a_request_that_a_browser_could_send_is_refused(
    get: Callable[..., Any], headers: dict[str, str]
) -> None:
    assert get("project/project-id", **headers).status == 403


def test_what_is_not_there_is_not_found(get: Callable[..., Any]) -> None:
    assert get("instance/disks/").status == 404
    assert get("instance/service-accounts/other@x/token").status == 404


def test_an_identity_token_names_the_account_and_the_vm(get: Callable[..., Any]) -> None:
    answer = get("instance/service-accounts/default/identity?audience=https://a&format=full")
    claims = jwt.decode(answer.text, options={"verify_signature": False})
    assert (claims["aud"], claims["email"]) == ("https://a", _EMAIL)
    assert claims["google"]["compute_engine"]["instance_id"] == _INSTANCE.instance_id
    assert get("instance/service-accounts/default/identity").status == 400


@pytest.mark.parametrize("what", ["token", "identity?audience=x"])
def test_an_account_that_is_disabled_is_nobody_in_its_vm_either(
    account: dict[str, Any], get: Callable[..., Any], what: str
) -> None:
    path = f"instance/service-accounts/default/{what}"
    assert get(path).status == 200
    account["disabled"] = True
    assert (get(path).status, get(path).text) == (403, "the service account is disabled or deleted")
