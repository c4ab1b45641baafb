"""What `provision` cannot do: one line that says so, one that says what to do, and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.google_api import GoogleApi
from tests.deploy.google_here import GoogleHere
from tests.symbolon.conftest import Ask
from tests.symbolon.provisioning import POLICY, POOL

SIXTY = [f"sha256:{number:064}" for number in range(60)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--apply --destroy", "--apply makes and --destroy deletes: say one of them"),
        ("--apply --plan", "--plan shows and --apply does: say one of them"),
        ("--apply --output f", "--output writes a plan down"),
        ("--apply --print gcloud", "--print shows the plan and --apply does it: say one of them"),
        ("--destroy --output f", "--output writes a plan down"),
        ("--with-contents", "--with-contents belongs to --destroy"),
        ("--yes", "--yes belongs to --destroy: nothing else asks"),
        ("--destroy --print terraform", "Terraform's JSON says what is wanted"),
    ],
)
def test_two_things_at_once_are_wrong_usage_and_named(
    here: GoogleHere, ask: Ask, words: str, says: str
) -> None:
    answered = ask("owner", "provision", "--project", "primus", *words.split())
    assert answered.code == 2
    usage, error = answered.err.splitlines()
    assert usage.startswith("usage: symbolon owner provision ")
    assert error.startswith(f"error: {says}")
    assert here.asked == []


def taken(api: GoogleApi, _here: GoogleHere) -> None:
    url = "https://storage.googleapis.com/storage/v1/b?project=secundus"
    api.call("POST", url, doing="taking", body={"name": "primus-input-bucket"})


def a_deleted_pool(_api: GoogleApi, here: GoogleHere) -> None:
    parent, _, name = POOL.rpartition("/")
    owner = here.api()
    owner.call("POST", parent, doing="making", parameters={"workloadIdentityPoolId": name}, body={})
    owner.call("DELETE", POOL, doing="deleting")


def an_open_bucket(_api: GoogleApi, here: GoogleHere) -> None:
    body = {"name": "primus-input-bucket", "location": "us-west1"}
    url = "https://storage.googleapis.com/storage/v1/b?project=primus"
    here.api().call("POST", url, doing="making", body=body)


def a_bucket_elsewhere(_api: GoogleApi, here: GoogleHere) -> None:
    body = {"name": "primus-input-bucket", "location": "EU"}
    url = "https://storage.googleapis.com/storage/v1/b?project=primus"
    here.api().call("POST", url, doing="making", body=body)


def answering(status: int, message: str, **more: Any) -> Any:
    """Every writing call is answered so."""

    def prepare(_api: GoogleApi, here: GoogleHere) -> None:
        def interfere(request: requests.PreparedRequest) -> Any:
            if request.method == "GET" or ":testIam" in str(request.url):
                return None
            return status, {"error": {"code": status, "message": message, **more}}

        here.interfere = interfere

    return prepare


def reason(word: str, **metadata: str) -> dict[str, Any]:
    return {"details": [{"reason": word, "metadata": metadata}]}


IAM_IS_OFF = reason("SERVICE_DISABLED", service="iam.googleapis.com", consumer="projects/p")


def nothing(_api: GoogleApi, _here: GoogleHere) -> None:
    """Nothing is prepared."""


BAD: dict[str, tuple[Any, tuple[str, ...], int, str, str]] = {
    "a project that is not yours": (
        nothing,
        ("--project", "secundus"),
        4,
        "google answered finding project `secundus` with 403",
        "gcloud projects add-iam-policy-binding secundus --member=user:owner@primus.example "
        "--role=roles/browser",
    ),
    "a project that is none": (
        nothing,
        ("--project", "no-such-project"),
        4,
        "google answered finding project `no-such-project` with 403",
        "add-iam-policy-binding no-such-project",
    ),
    "a name taken by another project": (
        taken,
        (),
        7,
        "bucket `primus-input-bucket` belongs to another project",
        "choose another name",
    ),
    "a soft-deleted pool that is not ours": (
        a_deleted_pool,
        (),
        7,
        "workload identity pool `primus-wip` was deleted less than 30 days ago, and was not made by symbolon",
        "choose an ID that is free: --pool primus-wip-2",
    ),
    "a bucket of somebody else's making that is less closed": (
        an_open_bucket,
        (),
        7,
        "`primus-input-bucket` was not made by symbolon, and differs in `iamConfiguration, versioning`",
        "symbolon --explain not-ours",
    ),
    "a bucket in another place": (
        a_bucket_elsewhere,
        (),
        7,
        "bucket `primus-input-bucket` is in `EU`, and a bucket cannot move to `us-west1`",
        "name its location, `eu`",
    ),
    "an API that is off": (
        answering(
            403, "Off.", **reason("SERVICE_DISABLED", service="iam.googleapis.com", consumer="projects/p")
        ),
        (),
        7,
        "google answered creating bucket `primus-input-bucket` with 403",
        "gcloud services enable iam.googleapis.com --project=p",
    ),
    "billing that is off": (
        answering(403, "The billing account for the owning project is disabled in state absent"),
        (),
        7,
        "The billing account for the owning project is disabled",
        "gcloud billing projects link",
    ),
    "a quota": (
        answering(403, "Quota exceeded for service accounts."),
        (),
        7,
        "Quota exceeded",
        "ask Google for more quota",
    ),
    "a service that is down": (answering(503, "Down."), (), 5, "with 503: `Down.`", "try again later"),
    "a permission that is missing": (
        answering(403, "No.", **reason("IAM_PERMISSION_DENIED", permission="storage.buckets.create")),
        (),
        4,
        "google answered creating bucket `primus-input-bucket` with 403",
        "gcloud projects add-iam-policy-binding primus --member=user:owner@primus.example "
        "--role=roles/storage.admin",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_said_in_one_line_with_what_to_do(
    here: GoogleHere, ask: Ask, case: str
) -> None:
    prepare, words, code, says, hint = BAD[case]
    prepare(here.api("operator"), here)
    project = words or ("--project", "primus")
    here.asked.clear()
    answered = ask("owner", "provision", *project, "--apply")
    assert answered.code == code, answered.err
    error, told = answered.err.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert told.startswith("hint: ")
    assert hint in told
    assert "Bearer" not in answered.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(("primus-wip-provider", "other-provider"), "the policy is for", id="another provider"),
        pytest.param(
            (f'image_digests = ["sha256:{"1" * 64}"]', 'image_references = ["us-docker.pkg.dev/p/r/i:v1"]'),
            "pins no image by its digest",
            id="no digest",
        ),
        pytest.param(
            ("[who]", '[mapping]\n"google.subject" = "assertion.sub"\n[who]'),
            "does not map `attribute.image_digest`",
            id="no attribute to bind",
        ),
        pytest.param(
            (
                f'image_digests = ["sha256:{"1" * 64}"]',
                f"image_digests = {SIXTY}",
            ),
            "4,096",
            id="a condition over 4,096 characters",
        ),
    ],
)
def test_a_policy_that_cannot_be_asked_is_refused_before_anything(
    here: GoogleHere, ask: Ask, change: tuple[str, str], says: str
) -> None:
    Path("policy.toml").write_text(POLICY.replace(*change))
    answered = ask("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    assert answered.code == 7
    assert says.replace(",", "") in answered.err.replace(",", "")
    assert answered.err.count("\n") == 2
    assert here.written == []


def test_a_subject_that_may_be_too_long_is_said_with_the_plan(here: GoogleHere, ask: Ask) -> None:
    mapping = '[mapping]\n"google.subject" = "assertion.sub"\n"attribute.image_digest" = '
    mapping += '"assertion.submods.container.image_digest"\n'
    Path("policy.toml").write_text(POLICY + mapping)
    answered = ask("owner", "provision", "--project", "primus", "--policy", "policy.toml")
    assert answered.code == 0
    assert "`google.subject` may be longer than 127 bytes, and then nobody is admitted" in answered.out


def test_a_plan_that_cannot_be_written_leaves_nothing_half_written(here: GoogleHere, ask: Ask) -> None:
    answered = ask("owner", "provision", "--project", "primus", "--output", "absent/plan.json")
    assert answered.code == 7
    assert "cannot write the plan: no such file or directory" in answered.err
    assert sorted(path.name for path in Path().iterdir()) == ["policy.toml"]


def test_without_credentials_it_is_said_how_to_have_some(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    answered = ask("owner", "provision", "--project", "primus")
    assert answered.code == 7
    assert answered.err.splitlines()[0] == "error: there are no Google credentials to act with"
    assert "gcloud auth application-default login" in answered.err
