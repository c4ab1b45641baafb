"""Who may do what: every role's permissions, who a policy speaks of, and what is never granted."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from emulator.access_tokens import Caller, caller_of_token, mint_access_token
from emulator.errors import GoogleError
from emulator.iam.authorization import (
    ROLES,
    empty_policy,
    permissions_of,
    project_of,
    replace_policy,
    require_permission,
)
from emulator.projects import seed
from emulator.state import State

_OBJECTS = {f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list", "update")}
_BUCKETS = {
    f"storage.buckets.{verb}"
    for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
}
_ACCOUNTS = {
    f"iam.serviceAccounts.{verb}"
    for verb in (
        *("create", "delete", "disable", "enable", "get", "getIamPolicy", "list", "setIamPolicy"),
        *("undelete", "update"),
    )
}
_POOLS = {
    f"iam.{kind}.{verb}"
    for kind in ("workloadIdentityPools", "workloadIdentityPoolProviders")
    for verb in ("create", "delete", "get", "list", "undelete", "update")
}
_REPOSITORIES = {
    f"artifactregistry.repositories.{verb}"
    for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
}
_SEEN_IN_REPOSITORIES = ("dockerimages", "packages", "repositories", "tags", "versions")
_PULL = {"artifactregistry.repositories.downloadArtifacts"} | {
    f"artifactregistry.{kind}.{verb}" for kind in _SEEN_IN_REPOSITORIES for verb in ("get", "list")
}
_PUSH = _PULL | {
    "artifactregistry.repositories.uploadArtifacts",
    "artifactregistry.tags.create",
    "artifactregistry.tags.update",
}
_DELETE_IMAGES = _PUSH | {
    "artifactregistry.repositories.deleteArtifacts",
    "artifactregistry.packages.delete",
    "artifactregistry.tags.delete",
    "artifactregistry.versions.delete",
}
_SEE_INSTANCES = {
    *(f"compute.images.{verb}" for verb in ("get", "getFromFamily", "list")),
    *(f"compute.instances.{verb}" for verb in ("get", "getSerialPortOutput", "list")),
    *(f"compute.machineTypes.{verb}" for verb in ("get", "list")),
    "compute.regions.get",
    *(f"compute.zones.{verb}" for verb in ("get", "list")),
}
_INSTANCES = _SEE_INSTANCES | {
    f"compute.instances.{verb}" for verb in ("create", "delete", "setLabels", "setMetadata", "start", "stop")
}
_SEE_PROJECT = {"resourcemanager.projects.get"}
_SERVICES = {f"serviceusage.services.{verb}" for verb in ("disable", "enable", "get", "list")}
_TOKENS = {"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"}
_KEY_LOCATIONS = {"cloudkms.locations.get", "cloudkms.locations.list"}
_SEE_KEYS = _KEY_LOCATIONS | {
    f"cloudkms.{kind}.{verb}"
    for kind in ("cryptoKeyVersions", "cryptoKeys", "keyRings")
    for verb in ("get", "list")
}
_KEYS = _SEE_KEYS | {
    *(f"cloudkms.cryptoKeyVersions.{verb}" for verb in ("create", "destroy", "restore", "update")),
    *(f"cloudkms.cryptoKeys.{verb}" for verb in ("create", "getIamPolicy", "setIamPolicy", "update")),
    *(f"cloudkms.keyRings.{verb}" for verb in ("create", "getIamPolicy", "setIamPolicy")),
}
_USE_KEYS = {"cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt"}

GRANTED: dict[str, set[str]] = {
    "roles/storage.objectViewer": {"storage.objects.get", "storage.objects.list"},
    "roles/storage.objectCreator": {"storage.objects.create"},
    "roles/storage.objectUser": _OBJECTS,
    "roles/storage.objectAdmin": _OBJECTS,
    "roles/storage.legacyObjectOwner": {"storage.objects.get", "storage.objects.update"},
    "roles/storage.legacyObjectReader": {"storage.objects.get"},
    "roles/storage.legacyBucketOwner": {
        "storage.buckets.get",
        "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
        "storage.buckets.update",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.list",
    },
    "roles/storage.legacyBucketWriter": {
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.list",
    },
    "roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list"},
    "roles/storage.bucketViewer": {"storage.buckets.get", "storage.buckets.list"},
    "roles/storage.admin": _OBJECTS | _BUCKETS,
    "roles/iam.workloadIdentityUser": _TOKENS,
    "roles/iam.serviceAccountTokenCreator": _TOKENS
    | {"iam.serviceAccounts.signBlob", "iam.serviceAccounts.signJwt"},
    "roles/iam.serviceAccountUser": {"iam.serviceAccounts.actAs"},
    "roles/iam.serviceAccountAdmin": _ACCOUNTS,
    "roles/iam.workloadIdentityPoolAdmin": _POOLS,
    "roles/iam.workloadIdentityPoolViewer": {
        f"iam.{kind}.{verb}"
        for kind in ("workloadIdentityPools", "workloadIdentityPoolProviders")
        for verb in ("get", "list")
    },
    "roles/compute.instanceAdmin.v1": _INSTANCES | _SEE_PROJECT,
    "roles/compute.viewer": _SEE_INSTANCES | _SEE_PROJECT,
    "roles/browser": _SEE_PROJECT,
    "roles/resourcemanager.projectIamAdmin": _SEE_PROJECT
    | {f"resourcemanager.projects.{verb}" for verb in ("getIamPolicy", "setIamPolicy")},
    "roles/logging.viewer": {"logging.logEntries.list"} | _SEE_PROJECT,
    "roles/serviceusage.serviceUsageAdmin": _SERVICES,
    "roles/artifactregistry.reader": _PULL,
    "roles/artifactregistry.writer": _PUSH,
    "roles/artifactregistry.repoAdmin": _DELETE_IMAGES,
    "roles/artifactregistry.admin": _DELETE_IMAGES | _REPOSITORIES,
    "roles/cloudkms.admin": _KEYS | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyDecrypter": {"cloudkms.cryptoKeyVersions.useToDecrypt"}
    | _KEY_LOCATIONS
    | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyEncrypter": {"cloudkms.cryptoKeyVersions.useToEncrypt"}
    | _KEY_LOCATIONS
    | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": _USE_KEYS | _KEY_LOCATIONS | _SEE_PROJECT,
    "roles/cloudkms.publicKeyViewer": {"cloudkms.cryptoKeyVersions.viewPublicKey"}
    | _KEY_LOCATIONS
    | _SEE_PROJECT,
    "roles/cloudkms.viewer": _SEE_KEYS | _SEE_PROJECT,
    "roles/confidentialcomputing.workloadUser": {
        "confidentialcomputing.challenges.create",
        "confidentialcomputing.challenges.verify",
    },
    "roles/logging.logWriter": {"logging.logEntries.create"},
    "roles/owner": _OBJECTS
    | _BUCKETS
    | _POOLS
    | _ACCOUNTS
    | _INSTANCES
    | _REPOSITORIES
    | _DELETE_IMAGES
    | _SERVICES
    | _KEYS
    | _USE_KEYS
    | {"iam.serviceAccounts.actAs", "logging.logEntries.create", "logging.logEntries.list"}
    | {f"resourcemanager.projects.{verb}" for verb in ("get", "getIamPolicy", "setIamPolicy")},
}
CONDITION = {"expression": "true"}
ANA = Caller(
    name="ana", members=frozenset({"user:ana", "group:g"}), scopes=frozenset(), expires_at=2_000_000_000
)
READ = "roles/storage.objectViewer"
READING = {"storage.objects.get", "storage.objects.list"}


def policy(*bindings: dict[str, Any]) -> dict[str, Any]:
    return {**empty_policy(), "bindings": list(bindings)}


@pytest.mark.parametrize("role", sorted(GRANTED.keys() | ROLES.keys()))
def test_a_role_grants_exactly_its_permissions(role: str) -> None:
    binding = {"role": role, "members": ["user:ana"]}
    assert permissions_of(ANA, [policy(binding)]) == GRANTED[role]


def test_a_keys_administrator_may_not_use_it() -> None:
    assert not ROLES["roles/cloudkms.admin"] & _USE_KEYS


def test_an_owner_may_not_have_the_tokens_of_the_project_s_accounts() -> None:
    assert not ROLES["roles/owner"] & _TOKENS


@pytest.mark.parametrize(
    ("caller", "member", "granted"),
    [
        pytest.param(ANA, "user:ana", READING, id="the member itself"),
        pytest.param(ANA, "group:g", READING, id="a second member that the caller is"),
        pytest.param(ANA, "user:bob", set(), id="somebody else"),
        pytest.param(ANA, "user:an", set(), id="the beginning of the member's name"),
        pytest.param(ANA, "serviceAccount:ana", set(), id="another kind of the same name"),
        pytest.param(ANA, "allUsers", READING, id="everybody"),
        pytest.param(ANA, "allAuthenticatedUsers", READING, id="everybody who says who they are"),
        pytest.param(None, "allUsers", READING, id="everybody, asked by nobody"),
        pytest.param(None, "allAuthenticatedUsers", set(), id="everybody who does, asked by nobody"),
        pytest.param(None, "user:ana", set(), id="one person, asked by nobody"),
    ],
)
def test_a_binding_speaks_of_its_members_alone(caller: Caller | None, member: str, granted: set[str]) -> None:
    assert permissions_of(caller, [policy({"role": READ, "members": [member]})]) == granted


def test_what_several_bindings_and_policies_grant_adds_up() -> None:
    here = policy(
        {"role": READ, "members": ["user:ana"]},
        {"role": "roles/storage.objectCreator", "members": ["group:g"]},
        {"role": "roles/storage.admin", "members": ["user:bob"]},
    )
    above = policy({"role": "roles/iam.serviceAccountUser", "members": ["user:ana"]})
    expected = READING | {"storage.objects.create", "iam.serviceAccounts.actAs"}
    assert permissions_of(ANA, [here, above]) == expected
    assert permissions_of(ANA, []) == frozenset()


@pytest.mark.parametrize(
    "binding",
    [
        pytest.param({"role": "roles/storage.objectReader", "members": ["user:ana"]}, id="an unknown role"),
        pytest.param(
            {"role": READ, "members": ["user:ana"], "condition": CONDITION},
            id="under a condition",
        ),
    ],
)
def test_what_the_emulator_does_not_understand_of_a_stored_policy_grants_nothing(
    binding: dict[str, Any],
) -> None:
    assert permissions_of(ANA, [policy(binding)]) == frozenset()


@pytest.mark.parametrize(
    ("binding", "status"),
    [
        pytest.param({"role": "roles/storage.objectReader", "members": ["user:ana"]}, 400, id="unknown role"),
        pytest.param({"members": ["user:ana"]}, 400, id="no role"),
        pytest.param({"role": READ}, 400, id="no members"),
        pytest.param({"role": READ, "members": "user:ana"}, 400, id="members that are no list"),
        pytest.param({"role": READ, "members": [7]}, 400, id="a member that is no text"),
        pytest.param(
            {"role": READ, "members": ["user:ana"], "condition": CONDITION},
            400,
            id="a condition",
        ),
    ],
)
def test_a_binding_that_cannot_be_honoured_is_refused_and_nothing_is_stored(
    binding: dict[str, Any], status: int
) -> None:
    current = policy({"role": READ, "members": ["user:bob"]})
    before = {**current, "bindings": [dict(each) for each in current["bindings"]]}
    with pytest.raises(GoogleError) as refusal:
        replace_policy(current, {"bindings": [binding]})
    assert refusal.value.http_status == status
    assert current == before


@pytest.mark.parametrize(
    ("etag", "taken"),
    [
        pytest.param(lambda current: current, True, id="the current one"),
        pytest.param(lambda _: "-_8=", True, id="the current one, in the URL-safe alphabet of gcloud"),
        pytest.param(lambda _: "", True, id="an empty one"),
        pytest.param(lambda _: None, True, id="none"),
        pytest.param(lambda _: "b2xk", False, id="an old one"),
    ],
)
def test_a_policy_is_replaced_by_those_who_saw_the_current_one(
    etag: Callable[[str], str | None], taken: bool
) -> None:
    current = policy({"role": READ, "members": ["user:bob"]}) | {"etag": "+/8="}
    wanted = {"etag": etag(current["etag"]), "bindings": [{"role": READ, "members": ["user:b", "user:a"]}]}
    if not taken:
        with pytest.raises(GoogleError) as refusal:
            replace_policy(current, wanted)
        assert (refusal.value.http_status, refusal.value.status) == (409, "ABORTED")
        return
    replaced = replace_policy(current, wanted)
    assert replaced["bindings"] == [{"role": READ, "members": ["user:a", "user:b"]}]
    assert replaced["etag"] not in ("", current["etag"])


def test_a_member_named_twice_is_stored_once_and_a_binding_of_nobody_not_at_all() -> None:
    wanted = [{"role": READ, "members": ["user:a", "user:a"]}, {"role": "roles/owner", "members": []}]
    replaced = replace_policy(empty_policy(), {"bindings": wanted})
    assert replaced["bindings"] == [{"role": READ, "members": ["user:a"]}]


@pytest.mark.parametrize("granted", [True, False], ids=["granted", "denied"])
def test_every_decision_is_in_the_audit_log(state: State, granted: bool) -> None:
    policies = [policy({"role": READ, "members": ["user:ana"]})] if granted else []

    def ask() -> None:
        require_permission(
            state,
            ANA,
            "storage.objects.get",
            service="storage.googleapis.com",
            method="get",
            resource="b/o",
            policies=policies,
        )

    if granted:
        ask()
    else:
        with pytest.raises(GoogleError) as refusal:
            ask()
        assert refusal.value.http_status == 403
    (entry,) = state.audit.entries()
    assert entry["granted"] is granted
    assert (entry["principal"], entry["resourceName"]) == ("ana", "b/o")
    assert entry["detail"] == {"permission": "storage.objects.get"}


@pytest.mark.parametrize("name", ["primus", "100000000001"])
def test_a_project_is_found_by_its_id_and_by_its_number(state: State, name: str) -> None:
    seed(state)
    assert project_of(state, name)["projectId"] == "primus"


@pytest.mark.parametrize("name", ["prim", "10000000000", "", "PRIMUS"])
def test_a_project_that_is_not_there_looks_like_a_forbidden_one(state: State, name: str) -> None:
    seed(state)
    with pytest.raises(GoogleError) as refusal:
        project_of(state, name)
    assert refusal.value.http_status == 403


@pytest.mark.parametrize(("later_s", "good"), [(59, True), (60, False), (61, False)])
def test_an_access_token_is_good_until_the_second_it_expires_and_no_leeway_longer(
    state: State, clock: Any, later_s: int, good: bool
) -> None:
    token = mint_access_token(state, name="ana", members=ANA.members, scopes=frozenset({"s"}), lifetime_s=60)
    clock.now += later_s
    if good:
        caller = caller_of_token(state, token)
        assert (caller.name, caller.members, caller.scopes) == ("ana", ANA.members, frozenset({"s"}))
    else:
        with pytest.raises(GoogleError) as refusal:
            caller_of_token(state, token)
        assert refusal.value.http_status == 401


def test_a_token_without_its_prefix_or_of_another_folder_is_nobody_s(state: State, tmp_path: Any) -> None:
    token = mint_access_token(state, name="a", members=frozenset(), scopes=frozenset(), lifetime_s=60)
    other = State(tmp_path / "other", clock=state.clock)
    for asked, text in ((state, token.removeprefix("ya29.symbolon-emulator.")), (other, token)):
        with pytest.raises(GoogleError):
            caller_of_token(asked, text)


@pytest.mark.parametrize("alphabet", [b"+/", b"-_"], ids=["base64", "base64url"])
@pytest.mark.parametrize("padded", [True, False])
def test_an_etag_is_bytes_in_whichever_alphabet(alphabet: bytes, padded: bool) -> None:
    current = {**policy(), "etag": "++//+/8="}
    etag = base64.b64encode(base64.b64decode("++//+/8="), altchars=alphabet).decode()
    changed = replace_policy(current, {"etag": etag if padded else etag.rstrip("="), "bindings": []})
    assert changed["etag"] != current["etag"]


@pytest.mark.parametrize("etag", ["++//+/4=", "AAAA", "not base64!", 7, "é"])
def test_another_etag_is_another_in_either(etag: object) -> None:
    with pytest.raises(GoogleError) as refused:
        replace_policy({**policy(), "etag": "++//+/8="}, {"etag": etag, "bindings": []})
    assert (refused.value.http_status, refused.value.status) == (409, "ABORTED")


def test_a_field_of_a_policy_that_is_not_kept_is_refused() -> None:
    with pytest.raises(GoogleError, match="the emulator does not have `auditConfigs` of policies"):
        replace_policy(policy(), {"bindings": [], "auditConfigs": [{"service": "allServices"}]})
    assert replace_policy(policy(), {"bindings": [], "auditConfigs": []})["bindings"] == []
