"""Who may use a key: by each role, wherever it is granted, and a workload by its image's digest alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.emulator.kms.conftest import FIRST, KEY, RING, SYMMETRIC, said
from tests.launches import DIGEST, FACTS

ANA = "user:ana@example.com"
DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
POOL = "projects/100000000001/locations/global/workloadIdentityPools/pool"
OTHER_DIGEST = "sha256:" + "9" * 64
PRINCIPALS = f"principalSet://iam.googleapis.com/{POOL}"
MAPPING = {
    "google.subject": '"gcpcs::" + assertion.submods.container.image_digest',
    "attribute.image_digest": "assertion.submods.container.image_digest",
    "attribute.zone": "assertion.submods.gce.zone",
}


@pytest.fixture
def federated(platform: Any, ask: Callable[..., Any]) -> Callable[..., str]:
    """Facts of a launch that are other ones → what STS gives for it: a token of no service account."""
    root = "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools"
    platform.call("POST", f"{root}?workloadIdentityPoolId=pool", {})
    provider = {
        "attributeMapping": MAPPING,
        "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    made = platform.call("POST", f"{root}/pool/providers?workloadIdentityPoolProviderId=prov", provider)
    assert made.status == 200, made.text

    def exchange(scope: str = "https://www.googleapis.com/auth/cloud-platform", **other: Any) -> str:
        audience = f"//iam.googleapis.com/{POOL}/providers/prov"
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": audience,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "scope": scope,
            "subject_token": platform.verifier.mint(replace(FACTS, **other), audience=f"https:{audience}"),
        }
        answer = ask(
            platform.app,
            "POST",
            "https://sts.googleapis.com/v1/token",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        assert answer.status == 200, answer.text
        return str(answer.json["access_token"])

    return exchange


def test_a_workload_is_let_in_by_its_images_digest_without_a_service_account(
    key: Any, federated: Callable[..., str]
) -> None:
    ciphertext = key.encrypt(b"data", b"aad").json["ciphertext"]
    token = federated()
    assert key.decrypt(ciphertext, b"aad", by=token).status == 403, "nothing is granted yet"
    key.grant(DECRYPTER, f"{PRINCIPALS}/attribute.image_digest/{DIGEST}")
    assert key.decrypt(ciphertext, b"aad", by=token).json["plaintext"] == "ZGF0YQ=="
    entry = key.platform.state.audit.entries()[-1]
    assert (entry["serviceName"], entry["methodName"]) == ("cloudkms.googleapis.com", "Decrypt")
    assert entry["principal"] == f"principal://iam.googleapis.com/{POOL}/subject/gcpcs::{DIGEST}"
    assert (entry["resourceName"], entry["granted"]) == (KEY, True)
    assert entry["detail"] == {"permission": "cloudkms.cryptoKeyVersions.useToDecrypt"}
    assert said(key.encrypt(b"data", by=token))[0] == 403, "it may decrypt, and nothing else"
    assert said(key.call("GET", KEY, by=token))[0] == 403


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(f"{PRINCIPALS}/attribute.image_digest/{OTHER_DIGEST}", id="another digest"),
        pytest.param(f"{PRINCIPALS}/attribute.image_digest/{str(DIGEST)[:-1]}", id="a shorter digest"),
        pytest.param(f"{PRINCIPALS}/attribute.image_reference/{DIGEST}", id="another attribute"),
        pytest.param(f"{PRINCIPALS}/attribute.zone/{DIGEST}", id="a mapped attribute of another value"),
        pytest.param(
            f"{PRINCIPALS.replace('/pool', '/pool-2')}/attribute.image_digest/{DIGEST}", id="another pool"
        ),
        pytest.param(
            f"{PRINCIPALS.replace('100000000001', 'primus')}/attribute.image_digest/{DIGEST}",
            id="a project's name where its number belongs",
        ),
        pytest.param(f"{PRINCIPALS}/subject/gcpcs::{DIGEST}", id="a subject as a set"),
    ],
)
def test_a_binding_on_anything_else_lets_that_workload_not_in(
    key: Any, federated: Callable[..., str], member: str
) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    key.grant(DECRYPTER, member)
    permission = "cloudkms.cryptoKeyVersions.useToDecrypt"
    sentence = f"Permission '{permission}' denied on resource '{KEY}' (or it may not exist)."
    answer = key.decrypt(ciphertext, by=federated())
    assert said(answer) == (403, "PERMISSION_DENIED", sentence)
    assert answer.json["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "IAM_PERMISSION_DENIED",
            "domain": "cloudkms.googleapis.com",
            "metadata": {"permission": permission, "resource": KEY},
        }
    ]
    assert key.platform.state.audit.entries()[-1]["granted"] is False


def test_another_image_is_not_let_in(key: Any, federated: Callable[..., str]) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    key.grant(DECRYPTER, f"{PRINCIPALS}/attribute.image_digest/{DIGEST}")
    assert key.decrypt(ciphertext, by=federated(image_digest=OTHER_DIGEST)).status == 403
    assert key.decrypt(ciphertext, by=federated()).status == 200


def test_a_federated_token_needs_a_scope_and_expires(
    key: Any, federated: Callable[..., str], clock: Any
) -> None:
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    key.grant(DECRYPTER, f"{PRINCIPALS}/*")
    storage = federated("https://www.googleapis.com/auth/devstorage.read_only")
    assert said(key.decrypt(ciphertext, by=storage)) == (
        403,
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
    )
    (detail,) = key.decrypt(ciphertext, by=storage).json["error"]["details"]
    assert detail["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    narrow = federated("https://www.googleapis.com/auth/cloudkms")
    assert key.decrypt(ciphertext, by=narrow).status == 200
    clock.now += 3600
    assert key.decrypt(ciphertext, by=narrow).status == 401


def test_a_service_account_with_the_role_is_let_in_until_it_is_disabled(key: Any) -> None:
    accounts = "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
    email = key.platform.call("POST", accounts, {"accountId": "opener"}).json["email"]
    token = key.platform.token_of(f"serviceAccount:{email}")
    ciphertext = key.encrypt(b"data").json["ciphertext"]
    assert key.decrypt(ciphertext, by=token).status == 403
    key.grant(DECRYPTER, f"serviceAccount:{email}")
    assert key.decrypt(ciphertext, by=token).status == 200
    key.platform.call("POST", f"{accounts}/{email}:disable", {})
    assert key.decrypt(ciphertext, by=token).status == 401


CALLS: Mapping[str, tuple[str, str, object]] = {
    "locations.list": ("GET", "projects/primus/locations", None),
    "locations.get": ("GET", "projects/primus/locations/global", None),
    "keyRings.list": ("GET", RING.rpartition("/")[0], None),
    "keyRings.create": ("POST", f"{RING.rpartition('/')[0]}?keyRingId=more", {}),
    "keyRings.get": ("GET", RING, None),
    "keyRings.getIamPolicy": ("GET", f"{RING}:getIamPolicy", None),
    "keyRings.setIamPolicy": ("POST", f"{RING}:setIamPolicy", {}),
    "cryptoKeys.list": ("GET", f"{RING}/cryptoKeys", None),
    "cryptoKeys.create": ("POST", f"{RING}/cryptoKeys?cryptoKeyId=more", SYMMETRIC),
    "cryptoKeys.get": ("GET", KEY, None),
    "cryptoKeys.update": ("PATCH", f"{KEY}?updateMask=labels", {}),
    "cryptoKeys.getIamPolicy": ("GET", f"{KEY}:getIamPolicy", None),
    "cryptoKeys.setIamPolicy": ("POST", f"{KEY}:setIamPolicy", {}),
    "cryptoKeyVersions.list": ("GET", f"{KEY}/cryptoKeyVersions", None),
    "cryptoKeyVersions.create": ("POST", f"{KEY}/cryptoKeyVersions", {}),
    "cryptoKeyVersions.get": ("GET", FIRST, None),
    "cryptoKeyVersions.update": ("PATCH", f"{FIRST}?updateMask=state", {"state": "ENABLED"}),
    "cryptoKeyVersions.useToEncrypt": ("POST", f"{KEY}:encrypt", {"plaintext": ""}),
    "cryptoKeyVersions.destroy": ("POST", f"{FIRST}:destroy", {}),
    "cryptoKeyVersions.restore": ("POST", f"{FIRST}:restore", {}),
}
"""Each permission, and a call that needs it alone; `destroy` comes before `restore`."""
ROLES = {
    "viewer": {name for name in CALLS if name.endswith((".get", ".list"))},
    "admin": CALLS.keys() - {"cryptoKeyVersions.useToEncrypt"},
    "cryptoKeyEncrypter": {"cryptoKeyVersions.useToEncrypt", "locations.get", "locations.list"},
    "cryptoKeyDecrypter": {"locations.get", "locations.list"},
    "cryptoKeyEncrypterDecrypter": {"cryptoKeyVersions.useToEncrypt", "locations.get", "locations.list"},
    "publicKeyViewer": {"locations.get", "locations.list"},
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_on_the_project_does_what_google_says_of_it_and_no_more(key: Any, role: str) -> None:
    projects = "https://cloudresourcemanager.googleapis.com/v3/projects/primus"
    policy = key.platform.call("POST", f"{projects}:getIamPolicy", {}).json
    policy["bindings"].append({"role": f"roles/cloudkms.{role}", "members": [ANA]})
    assert key.platform.call("POST", f"{projects}:setIamPolicy", {"policy": policy}).status == 200
    ana = key.platform.token_of(ANA)
    answered = {name: key.call(*call, by=ana) for name, call in CALLS.items()}
    done = {name for name, answer in answered.items() if answer.status == 200}
    assert done == ROLES[role]
    for name in CALLS.keys() - done:
        assert said(answered[name])[2].startswith(
            f"Permission 'cloudkms.{name}' denied on resource 'projects/primus"
        )


@pytest.mark.parametrize("on", [RING, KEY])
def test_a_role_on_a_ring_or_a_key_holds_below_it_and_nowhere_else(key: Any, on: str) -> None:
    ana = key.platform.token_of(ANA)
    other = f"{RING}/cryptoKeys/other"
    key.made(f"{RING}/cryptoKeys?cryptoKeyId=other", SYMMETRIC)
    key.grant("roles/cloudkms.cryptoKeyEncrypterDecrypter", ANA, on=on)
    encrypted = key.encrypt(b"data", by=ana)
    assert key.decrypt(encrypted.json["ciphertext"], by=ana).status == 200
    assert key.encrypt(b"data", by=ana, name=other).status == (200 if on == RING else 403)
    assert key.call("GET", RING, by=ana).status == 403


def test_whoever_may_not_see_learns_nothing_of_what_is_there(key: Any) -> None:
    refused = []
    for name in (KEY, f"{RING}/cryptoKeys/none", f"{RING}-none/cryptoKeys/key"):
        status, kind, sentence = said(key.call("GET", name, by="operator"))
        refused.append((status, kind, sentence.replace(name, "NAME")))
    assert (
        refused
        == [
            (
                403,
                "PERMISSION_DENIED",
                "Permission 'cloudkms.cryptoKeys.get' denied on resource 'NAME' (or it may not exist).",
            )
        ]
        * 3
    )
    assert key.call("GET", "projects/nobodys/locations/global/keyRings").status == 403


def test_nobody_is_asked_to_say_who_they_are(key: Any, ask: Callable[..., Any]) -> None:
    url = f"https://cloudkms.googleapis.com/v1/{KEY}"
    assert ask(key.platform.app, "GET", url).status == 401
    for verb in ("encrypt", "decrypt", "testIamPermissions"):
        assert ask(key.platform.app, "POST", f"{url}:{verb}", body=b"{}").status == 401


def test_every_call_is_in_the_audit_log_by_googles_name_for_it(key: Any) -> None:
    before = len(key.platform.state.audit.entries())
    for method, name, body in CALLS.values():
        key.call(method, name, body)
    entries = key.platform.state.audit.entries()[before:]
    assert [entry["detail"]["permission"].removeprefix("cloudkms.") for entry in entries] == list(CALLS)
    named = [entry["methodName"] for entry in entries]
    assert named[2:4] == ["ListKeyRings", "CreateKeyRing"]
    assert named[-3:] == ["Encrypt", "DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion"]
    assert {entry["serviceName"] for entry in entries} == {"cloudkms.googleapis.com"}
