"""A sealed model's key: made once, bound to its image alone, and never lost by mistake."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from attestation.errors import Misconfigured
from contract.kms_keys import DECRYPTER, ENCRYPTER
from deploy.as_gcloud import commands_of
from deploy.as_terraform import render_terraform
from deploy.google_api import GoogleApi
from deploy.marks import is_ours
from deploy.observing import Observed, observe
from deploy.permissions import role_for
from deploy.planning import Action, Create, DestroyVersions, Give, plan
from deploy.plans import rows_of
from deploy.provisioning import converge
from deploy.removing import look_inside, plan_removal, stays
from deploy.resources import CryptoKey, Grant, KeyRing, Project, Resource
from deploy.rest import policy_url_of, url_of
from deploy.rights import grant_line, needs
from symbolon.owner.provision import everything_of
from tests.deploy import test_as_terraform as terraform
from tests.deploy.google_here import GoogleHere, Killed, google_in
from tests.deploy.resources_there import AS_DESCRIBED, KEY, KEY_THERE, OWNER, RING
from tests.deploy.test_convergence import DIGEST, MAPPING
from tests.deploy.test_convergence import OWNER as PRIMUS
from tests.emulator.discovery import faults_of

PROJECT = Project(project_id="primus", number="100000000001")
SEALED = replace(
    PRIMUS,
    key=CryptoKey(ring=KeyRing(project=PROJECT, location="europe-west4", ring_id="models"), key_id="lite0"),
)
OTHER = "sha256:" + "2" * 64
ENCRYPTS = "cloudkms.cryptoKeyVersions.useToEncrypt"
IMAGE = OWNER.pool.image_member(DIGEST)  # type: ignore[arg-type]


def wanted(*digests: str) -> tuple[Resource, ...]:
    """All that an owner wants who seals, and admits these images."""
    names: Any = digests
    return (
        *SEALED.apis(),
        *SEALED.foundation(),
        SEALED.provider(mapping=MAPPING, condition=f"assertion.swname == '{digests[0]}'"),
        *SEALED.admissions(names),
        SEALED.no_other_admissions(names),
        *SEALED.key_admissions(names),
    )


def remove(api: GoogleApi, *, with_versions: bool) -> tuple[Action, ...]:
    def planned(resources: tuple[Resource, ...], observed: Observed) -> tuple[Action, ...]:
        inside = look_inside(api, resources, observed)
        return plan_removal(resources, observed, inside, with_contents=True, with_versions=with_versions)

    return converge(api, everything_of(SEALED), planned)


def bound(here: GoogleHere) -> list[str]:
    """Who holds a role on the key."""
    assert SEALED.key is not None
    policy = here.api().call("GET", policy_url_of(SEALED.key), doing="reading")
    return [member for binding in policy.get("bindings", []) for member in binding["members"]]


def versions(here: GoogleHere) -> list[str]:
    assert SEALED.key is not None
    listed = here.api().call("GET", f"{url_of(SEALED.key)}/cryptoKeyVersions", doing="listing")
    return [each["state"] for each in listed["cryptoKeyVersions"]]


@pytest.fixture
def made(here: GoogleHere) -> GoogleHere:
    converge(here.api(), wanted(DIGEST), plan)
    return here


def test_without_a_key_nothing_of_cloud_kms_is_wanted() -> None:
    assert "cloudkms.googleapis.com" not in [each.name for each in PRIMUS.apis()]
    assert PRIMUS.key_admissions([DIGEST]) == ()  # type: ignore[list-item]
    assert not [each for each in PRIMUS.foundation() if isinstance(each, KeyRing | CryptoKey)]


def test_the_key_is_bound_to_the_image_alone_and_a_second_apply_writes_nothing(made: GoogleHere) -> None:
    assert "cloudkms.googleapis.com" in [each.name for each in SEALED.apis()]
    assert bound(made) == [PRIMUS.pool.image_member(DIGEST)]  # type: ignore[arg-type]
    described = made.api().call("GET", url_of(SEALED.key), doing="reading")  # type: ignore[arg-type]
    assert described["labels"] == {"managed-by": "symbolon"}
    assert "rotationPeriod" not in described
    stands = made.everything()
    made.asked.clear()
    assert converge(made.api(), wanted(DIGEST), plan) == ()
    assert made.written == []
    assert made.everything() == stands


def test_another_image_is_bound_and_the_one_before_no_more(made: GoogleHere) -> None:
    others = Grant(on=SEALED.key, role=DECRYPTER, member="user:owner@primus.example")  # type: ignore[arg-type]
    converge(made.api(), [others], plan)
    done = [str(action) for action in converge(made.api(), wanted(OTHER), plan)]
    on_key = [each.partition(" ")[0] for each in done if "key `lite0`" in each]
    assert on_key == ["grant", "revoke"]
    assert sorted(bound(made)) == sorted([PRIMUS.pool.image_member(OTHER), others.member])  # type: ignore[arg-type]


def test_the_bindings_of_a_key_that_is_not_ours_are_added_to_and_not_taken(here: GoogleHere) -> None:
    assert SEALED.key is not None
    api = here.api()
    converge(api, [SEALED.key.ring], plan)
    ring, _, key = url_of(SEALED.key).rpartition("/")
    api.call(
        "POST", ring, doing="making", parameters={"cryptoKeyId": key}, body={"purpose": "ENCRYPT_DECRYPT"}
    )
    converge(api, wanted(OTHER), plan)
    converge(api, wanted(DIGEST), plan)
    assert len(bound(here)) == 2
    remove(api, with_versions=True)
    assert versions(here) == ["ENABLED"]
    assert bound(here) == []  # the pool that they name was ours


def test_killed_after_any_call_the_next_apply_ends_in_the_same_state(
    made: GoogleHere, tmp_path: Path
) -> None:
    stands, calls = made.everything(), len(made.asked)
    kms = [n for n, each in enumerate(made.asked, 1) if "cloudkms" in str(each.url)]
    for call in kms:
        other, fleet = google_in(tmp_path / str(call))
        other.lives = call
        with pytest.raises(Killed):
            converge(other.api(), wanted(DIGEST), plan)
        other.lives = None
        converge(other.api(), wanted(DIGEST), plan)
        found = other.everything()
        assert without_ids(found) == without_ids(stands), f"killed after call {call} of {calls}"
        other.asked.clear()
        converge(other.api(), wanted(DIGEST), plan)
        assert other.written == []
        fleet.stop()


def without_ids(value: Any) -> Any:
    """Without the material and the IDs of keys, which are new in each run."""
    if isinstance(value, Mapping):
        kept = {key: each for key, each in value.items() if key not in ("key_id", "material")}
        return {key: without_ids(each) for key, each in kept.items()}
    return [without_ids(each) for each in value] if isinstance(value, list) else value


def test_destroyed_the_versions_stay_unless_that_was_said_and_nobody_is_bound(made: GoogleHere) -> None:
    kept = remove(made.api(), with_versions=False)
    assert not [action for action in kept if isinstance(action, DestroyVersions)]
    assert (versions(made), bound(made)) == (["ENABLED"], [])
    (gone,) = remove(made.api(), with_versions=True)
    assert str(gone) == "schedule for destruction version 1 of key `lite0`"
    assert versions(made) == ["DESTROY_SCHEDULED"]
    assert remove(made.api(), with_versions=True) == ()


def test_every_version_that_is_left_is_scheduled(made: GoogleHere) -> None:
    url = f"{url_of(SEALED.key)}/cryptoKeyVersions"  # type: ignore[arg-type]
    for _ in range(2):
        made.api().call("POST", url, doing="making", body={})
    made.api().call(
        "PATCH", f"{url}/2", doing="x", parameters={"updateMask": "state"}, body={"state": "DISABLED"}
    )
    made.api().call("POST", f"{url}/3:destroy", doing="destroying", body={})
    assert "schedule for destruction versions 1, 2 of key `lite0`" in map(
        str, remove(made.api(), with_versions=True)
    )
    assert set(versions(made)) == {"DESTROY_SCHEDULED"}


def test_a_list_of_versions_is_read_to_its_end(made: GoogleHere) -> None:
    pages: Iterator[dict[str, Any]] = iter(
        [
            {"cryptoKeyVersions": [{"name": "a/1", "state": "ENABLED"}], "nextPageToken": "more"},
            {
                "cryptoKeyVersions": [
                    {"name": "a/2", "state": "DISABLED"},
                    {"name": "a/3", "state": "DESTROYED"},
                ]
            },
        ]
    )
    made.interfere = lambda request: (200, next(pages)) if "/cryptoKeyVersions?" in str(request.url) else None
    api, resources = made.api(), everything_of(SEALED)
    inside = look_inside(api, resources, observe(api, resources))
    assert inside[url_of(SEALED.key)] == ("1", "2")  # type: ignore[arg-type]
    assert "pageToken=more" in str(made.asked[-1].url) or any(
        "pageToken=more" in str(e.url) for e in made.asked
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"primary": {"state": "DISABLED"}}, "its primary version is `DISABLED`", id="disabled"),
        pytest.param(
            {"primary": {"state": "DESTROY_SCHEDULED"}},
            "its primary version is `DESTROY_SCHEDULED`",
            id="on the way to be destroyed",
        ),
        pytest.param({"primary": None}, "it has no primary version", id="without a version"),
        pytest.param({"purpose": "MAC"}, "is for `MAC`, and not for encryption", id="for something else"),
        pytest.param({"purpose": None}, "and not for encryption", id="for nothing"),
    ],
)
def test_a_key_that_encrypts_nothing_is_refused_and_not_switched_on(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words) as refused:
        plan([KEY], {url_of(KEY): {**KEY_THERE, **change}})
    assert refused.value.hint


def test_a_key_as_it_is_and_one_in_the_making_are_left_alone() -> None:
    making = {**KEY_THERE, "primary": {"state": "PENDING_GENERATION"}}
    for found in (KEY_THERE, making, {**KEY_THERE, "rotationPeriod": "7776000s"}):
        assert plan([RING, KEY], {url_of(RING): {"name": RING.name}, url_of(KEY): found}) == ()
    created = plan([RING, KEY], {url_of(RING): None, url_of(KEY): None})
    assert created == (Create(resource=RING), Create(resource=KEY))


def test_what_stays_says_why() -> None:
    there = {url_of(RING): {"name": RING.name}, url_of(KEY): KEY_THERE}
    assert "no more than a name" in stays(RING, there)
    assert "--with-contents schedules" in stays(KEY, there)
    assert stays(KEY, {url_of(KEY): {**KEY_THERE, "labels": {}}}) == "was not made by symbolon"
    assert stays(RING, {url_of(RING): None}) == "is not there"
    assert not is_ours(RING, {"name": RING.name})
    action = DestroyVersions(key=KEY, versions=("1", "2"))
    last, *_ = rows_of([RING, KEY], there, [action], removing=True)
    assert (last.verb, last.what) == ("change", "key `lite0`")
    assert last.differences[0].field == "state of versions 1, 2"
    assert "can be restored" in last.note


def test_the_pool_of_somebody_else_keeps_its_bindings_on_a_key_of_somebody_else() -> None:
    owner = replace(OWNER, key=KEY)
    observed = {url_of(each): found for each, found in AS_DESCRIBED.values()}
    policy = {"bindings": [{"role": DECRYPTER, "members": [IMAGE, "user:a"]}]}
    observed |= {url_of(RING): {}, url_of(KEY): {**KEY_THERE, "labels": {}}, policy_url_of(KEY): policy}
    observed |= {url_of(OWNER.pool): {"state": "ACTIVE"}}
    resources = [OWNER.pool, KEY, *owner.key_admissions([])]
    assert plan_removal(resources, observed, {}, with_contents=True, with_versions=True) == ()
    observed |= {url_of(KEY): KEY_THERE}
    (taken,) = plan_removal(resources, observed, {}, with_contents=True)
    assert str(taken) == f"revoke `{DECRYPTER}` on key `lite0` to `{IMAGE}`"


@pytest.mark.parametrize(
    ("there", "to_key", "granted", "needed"),
    [
        pytest.param([ENCRYPTS], [], False, False, id="by the project's policy"),
        pytest.param([], [ENCRYPTS], False, False, id="by another role on the key"),
        pytest.param([], [ENCRYPTS], True, True, id="by this very grant"),
        pytest.param([], [], False, True, id="not at all"),
        pytest.param([], 404, False, True, id="there is no key yet"),
    ],
)
def test_whoever_seals_is_granted_it_only_where_they_may_not_anyhow(
    here: GoogleHere, there: list[str], to_key: Any, granted: bool, needed: bool
) -> None:
    grant = Grant(on=KEY, role=ENCRYPTER, member="user:owner@primus.example")

    def interfere(request: requests.PreparedRequest) -> tuple[int, dict[str, Any]] | None:
        url = str(request.url)
        if "cloudresourcemanager" in url:
            return 200, {"permissions": there}
        if ":testIamPermissions" in url:
            return (404, {"error": {}}) if to_key == 404 else (200, {"permissions": to_key})
        members = [grant.member] if granted else []
        return 200, {"bindings": [{"role": ENCRYPTER, "members": members}]}

    here.interfere = interfere
    assert needs(here.api(), grant, ENCRYPTS, PROJECT) is needed


def test_every_call_is_one_that_google_s_document_has(here: GoogleHere) -> None:
    api = here.api()
    grant = Grant(on=SEALED.key, role=ENCRYPTER, member="user:b@primus.example")  # type: ignore[arg-type]
    needs(api, grant, ENCRYPTS, PROJECT)
    needs(api, grant, "cloudkms.nothing", PROJECT)
    converge(api, wanted(DIGEST), plan)
    converge(api, [*wanted(OTHER), grant], plan)
    needs(api, grant, "cloudkms.nothing", PROJECT)
    remove(api, with_versions=True)
    asked = [each for each in here.asked if "cloudkms.googleapis.com" in str(each.url).partition("/v1")[0]]
    assert {f"{each.method} {each.url}": found for each in asked if (found := faults_of(each))} == {}
    verbs = {str(each.url).partition("?")[0].rpartition(":")[2] for each in asked if each.method == "POST"}
    assert {"setIamPolicy", "testIamPermissions", "destroy"} <= verbs


def test_what_is_missing_has_the_narrowest_role_that_does() -> None:
    assert role_for("cloudkms.cryptoKeys.setIamPolicy") == "roles/cloudkms.admin"
    assert role_for(ENCRYPTS) == ENCRYPTER
    assert role_for("cloudkms.cryptoKeyVersions.useToDecrypt") == DECRYPTER


@pytest.mark.parametrize(
    ("action", "lines"),
    [
        pytest.param(
            Create(resource=RING),
            ["gcloud kms keyrings create models --location=global --project=primus"],
            id="a ring",
        ),
        pytest.param(
            Create(resource=KEY),
            [
                "gcloud kms keys create lite0 --keyring=models --location=global --project=primus "
                "--purpose=encryption --labels=managed-by=symbolon"
            ],
            id="a key",
        ),
        pytest.param(
            Give(grant=Grant(on=KEY, role=DECRYPTER, member="user:a")),
            [
                "gcloud kms keys add-iam-policy-binding lite0 --keyring=models --location=global "
                "--project=primus --member=user:a --role=roles/cloudkms.cryptoKeyDecrypter"
            ],
            id="a binding",
        ),
        pytest.param(
            DestroyVersions(key=KEY, versions=("1", "3")),
            [
                f"gcloud kms keys versions destroy {number} --key=lite0 --keyring=models --location=global "
                "--project=primus"
                for number in (1, 3)
            ],
            id="versions",
        ),
    ],
)
def test_an_action_is_these_commands(action: Action, lines: list[str]) -> None:
    assert [shlex.join(words) for words in commands_of(action)] == lines
    if isinstance(action, Give):
        assert sorted(grant_line(action.grant).split()) == sorted(lines[0].split())


def test_terraform_has_every_argument_and_never_destroys_the_key() -> None:
    document = render_terraform(wanted(DIGEST), PROJECT)
    assert terraform.faults_in(document) == []
    made = document["resource"]
    (key,) = made["google_kms_crypto_key"].values()
    assert key["lifecycle"] == {"prevent_destroy": True}
    assert key["depends_on"] == ["google_kms_key_ring.models"]
    assert is_ours(KEY, key)
    (binding,) = made["google_kms_crypto_key_iam_member"].values()
    assert binding["member"] == PRIMUS.pool.image_member(DIGEST)  # type: ignore[arg-type]
    assert "google_kms_crypto_key.models-lite0" in binding["depends_on"]
    assert "google_iam_workload_identity_pool.primus-wip" in binding["depends_on"]
    assert json.dumps(document)
