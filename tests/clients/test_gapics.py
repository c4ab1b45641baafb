"""Google's generated Python clients over REST, which send enums as numbers and ask for them so."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import iam_credentials_v1

CREATOR = "roles/iam.serviceAccountTokenCreator"


@pytest.fixture
def account(session_of: Callable[[str], Any]) -> str:
    """An account of the owner's for which the owner may speak."""
    owner, iam = session_of("owner"), "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
    made = owner.post(iam, json={"accountId": f"a-{uuid.uuid4().hex[:12]}"}).json()
    grant = {"bindings": [{"role": CREATOR, "members": ["user:owner@primus.example"]}]}
    assert owner.post(f"{iam}/{made['email']}:setIamPolicy", json={"policy": grant}).status_code == 200
    return f"projects/-/serviceAccounts/{made['email']}"


@pytest.fixture
def client(credentials_of: Callable[[str], Any]) -> Iterator[Any]:
    with iam_credentials_v1.IAMCredentialsClient(
        credentials=credentials_of("owner"), transport="rest"
    ) as client:
        yield client


def test_what_an_account_gives_comes_in_the_clients_own_types(client: Any, account: str) -> None:
    scope = ["https://www.googleapis.com/auth/cloud-platform"]
    token = client.generate_access_token(name=account, scope=scope)
    assert token.access_token.startswith("ya29.symbolon-emulator.")
    assert token.expire_time.timestamp() > 0
    assert client.generate_id_token(name=account, audience="a").token.count(".") == 2
    payload = os.urandom(32)
    assert len(client.sign_blob(name=account, payload=payload).signed_blob) == 256
    assert client.sign_jwt(name=account, payload="{}").key_id
