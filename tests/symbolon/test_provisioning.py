"""`owner provision` and `operator provision` as a person types them, in front of Google in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import symbolon.operator.provision as of_operator
import symbolon.owner.provision as of_owner
from deploy.google_api import GoogleApi
from deploy.planning import plan
from deploy.provisioning import converge
from tests.deploy.google_here import GoogleHere, google_in
from tests.deploy.test_convergence import WANTED, what_is_seen
from tests.symbolon.conftest import Ask

POOL = "https://iam.googleapis.com/v1/projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
POLICY = f"""\
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["sha256:{"1" * 64}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""
SIXTY = [f"sha256:{number:064}" for number in range(60)]
PROJECTS = {"owner": "primus", "operator": "secundus"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleHere]:
    """Google in this process, which either party's command reaches, in a folder of the test's own."""
    google, fleet = google_in(tmp_path / "google")
    for party, module in (("owner", of_owner), ("operator", of_operator)):
        monkeypatch.setattr(module, "sign_in", lambda _, party=party: google.api(party))
    for name in ("GOOGLE_CLOUD_PROJECT", "PRIMUS_PROJECT_ID", "SECUNDUS_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("policy.toml").write_text(POLICY)
    yield google
    fleet.stop()


@pytest.mark.parametrize("party", PROJECTS)
def test_without_a_word_it_is_the_plan_and_nothing_is_changed(here: GoogleHere, ask: Ask, party: str) -> None:
    answered = ask(party, "provision", "--project", PROJECTS[party])
    assert answered.code == 0
    assert f"provision the {party}'s resources in project {PROJECTS[party]} (number " in answered.out
    assert "+ create  bucket `" in answered.out
    assert "            versioning.enabled: true\n" in answered.out
    assert "  keep    API `storage.googleapis.com`" in answered.out
    assert f"to do it: symbolon {party} provision --project={PROJECTS[party]} --apply" in answered.out
    assert here.written == []


@pytest.mark.parametrize("party", PROJECTS)
def test_applied_destroyed_and_each_of_it_twice(here: GoogleHere, ask: Ask, party: str) -> None:
    command = (party, "provision", "--project", PROJECTS[party])
    first = ask(*command, "--apply")
    assert (first.code, first.err) == (0, "")
    assert "done: create bucket `" in first.out
    here.asked.clear()
    second = ask(*command, "--apply")
    assert second.out.endswith("nothing had to be done\n")
    assert here.written == []
    assert "0 to create, 0 to change" in ask(*command).out
    gone = ask(*command, "--destroy", "--yes")
    assert gone.code == 0
    assert "done: delete bucket `" in gone.out
    assert what_is_seen(here.api(party), party) == []
    assert ask(*command, "--destroy", "--yes").out.endswith("nothing had to be done\n")


def test_with_a_policy_the_provider_asks_it_and_its_image_is_bound_alone(here: GoogleHere, ask: Ask) -> None:
    command = ("owner", "provision", "--project", "primus", "--policy", "policy.toml")
    assert "no provider yet" in ask(*command[:4]).out
    assert ask(*command, "--apply").code == 0
    described = here.api().call("GET", f"{POOL}/providers/primus-wip-provider", doing="reading")
    assert f'image_digest == "sha256:{"1" * 64}"' in described["attributeCondition"]
    Path("policy.toml").write_text(POLICY.replace("1" * 64, "2" * 64))
    changed = ask(*command)
    condition = "            attributeCondition: 9 clauses stay\n              - "
    assert "~ change  provider `primus-wip-provider`\n" + condition in changed.out
    assert f'              + assertion.submods.container.image_digest == "sha256:{"2" * 64}"\n' in changed.out
    assert "1 to create, 1 to change, 11 to keep, 1 to delete" in changed.out
    assert ask(*command, "--apply").code == 0
    assert "0 to create, 0 to change, 13 to keep, 0 to delete" in ask(*command).out


def test_a_saved_plan_is_done_and_refused_once_it_is_stale(here: GoogleHere, ask: Ask) -> None:
    command = ("owner", "provision", "--project", "primus", "--policy", "policy.toml")
    assert ask(*command, "--plan", "--output", "plan.json").code == 0
    assert json.loads(Path("plan.json").read_text())["party"] == "owner"
    assert ask(*command, "--apply", "plan.json").code == 0
    assert ask(*command, "--apply", "plan.json").out.endswith("nothing had to be done\n")
    body = {"attributeCondition": "assertion.sub == 'somebody'"}
    here.api().call("PATCH", f"{POOL}/providers/primus-wip-provider", doing="changing", body=body)
    here.asked.clear()
    stale = ask(*command, "--apply", "plan.json")
    assert stale.code == 7
    assert stale.err.splitlines() == [
        "error: the plan is stale: it does not show that provider `primus-wip-provider` is changed as it "
        "would be",
        "hint: what stands has changed since, or what is wanted; plan again, and look at it",
    ]
    assert here.written == []
    Path("plan.json").write_text("{}")
    assert "the file is no plan" in ask(*command, "--apply", "plan.json").err
    Path("plan.json").write_text("no JSON")
    assert ask(*command, "--apply", "plan.json").code == 7
    assert ask(*command, "--apply", "absent.json").code == 7


def test_what_changes_between_the_plan_on_the_screen_and_its_first_step_is_not_overwritten(
    here: GoogleHere, ask: Ask
) -> None:
    command = ("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    assert ask(*command).code == 0
    looked = 0

    def interfere(request: requests.PreparedRequest) -> None:
        nonlocal looked
        looked += str(request.url).endswith("/providers/primus-wip-provider")
        if looked == 2:  # the plan is on the screen
            here.interfere = lambda _request: None
            body = {"attributeCondition": "assertion.sub == 'somebody'"}
            here.api().call("PATCH", f"{POOL}/providers/primus-wip-provider", doing="changing", body=body)
            here.asked.clear()

    here.interfere = interfere
    answered = ask(*command)
    assert answered.code == 7
    assert "error: the plan is stale" in answered.err
    assert here.written == []


def test_a_program_reads_the_plan_and_what_was_done(here: GoogleHere, ask: Ask) -> None:
    command = ("operator", "provision", "--project", "secundus", "--format", "json")
    document = ask(*command).json
    assert {row["verb"] for row in document["rows"]} == {"create", "keep"}
    applied = ask(*command, "--apply").json
    assert [row["what"] for row in applied["rows"]] == [row["what"] for row in document["rows"]]
    assert "create bucket `secundus-result-bucket`" in applied["done"]
    taken = ask(*command, "--destroy", "--yes").json
    assert (taken["plan"], taken["done"][0].split()[0]) == ("destroy", "revoke")
    assert ask(*command, "--apply", "--project", "a/b").json["error"]["family"] == "misconfigured"


def test_nothing_is_deleted_where_nobody_said_yes_or_something_would_be_lost(
    here: GoogleHere, ask: Ask
) -> None:
    command = ("operator", "provision", "--project", "secundus")
    ask(*command, "--apply")
    here.asked.clear()
    answered = ask(*command, "--destroy")
    assert answered.code == 7
    assert "error: nothing was deleted: nobody said yes" in answered.err
    upload = (
        "https://storage.googleapis.com/upload/storage/v1/b/secundus-input-bucket/o?uploadType=media&name=a"
    )
    for data in (b"one", b"two"):
        here.api("operator").send("POST", upload, doing="uploading", data=data)
    here.asked.clear()
    refused = ask(*command, "--destroy", "--yes")
    assert refused.code == 7
    assert "bucket `secundus-input-bucket` holds 2 objects, overwritten ones counted" in refused.err
    shown = ask(*command, "--destroy", "--plan")
    assert "            objects: 2 -> (none)" in shown.out
    assert here.written == []
    assert ask(*command, "--destroy", "--yes", "--with-contents").code == 0
    assert what_is_seen(here.api("operator"), "operator") == []


def test_a_repository_with_images_is_taken_down_only_where_that_was_said(here: GoogleHere, ask: Ask) -> None:
    command = ("owner", "provision", "--project", "primus")
    assert ask(*command, "--apply").code == 0
    image = "https://us-docker.pkg.dev/v2/primus/primus-artifact-repo/workload/manifests/v1"
    kind = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
    manifest = b'{"schemaVersion": 2, "layers": []}'
    here.api("owner").send("PUT", image, doing="pushing", data=manifest, headers=kind)
    here.asked.clear()
    refused = ask(*command, "--destroy", "--yes")
    assert refused.code == 7
    assert "repository `primus-artifact-repo` holds 1 image: nothing was deleted" in refused.err
    assert "            images: 1 -> (none)" in ask(*command, "--destroy", "--plan").out
    assert here.written == []
    assert ask(*command, "--destroy", "--yes", "--with-contents").code == 0
    assert what_is_seen(here.api("owner"), "owner") == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--print", "gcloud"), "gcloud iam service-accounts create workload-sa "),
        (("--print", "terraform"), '    "google_storage_bucket": {'),
    ],
)
def test_the_plan_is_printed_for_others_to_do(
    here: GoogleHere, ask: Ask, words: tuple[str, ...], line: str
) -> None:
    answered = ask("operator", "provision", "--project", "secundus", *words)
    assert answered.code == 0
    assert any(each.startswith(line) for each in answered.out.splitlines())
    assert here.written == []


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


def test_an_interrupted_apply_says_so_and_the_same_command_goes_on(
    here: GoogleHere, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("owner", "provision", "--project", "primus", "--apply")

    def interfere(request: requests.PreparedRequest) -> Any:
        if request.method == "POST" and str(request.url).endswith("/serviceAccounts"):
            raise KeyboardInterrupt
        return None

    here.interfere = interfere
    stopped = ask(*command)
    assert stopped.code == 130
    assert "1 steps are done; the same command goes on from here" in stopped.err
    here.interfere = lambda _request: None
    assert ask(*command).code == 0
    assert converge(here.api(), WANTED["owner"][:10], plan) == ()


def test_a_plan_that_cannot_be_written_leaves_nothing_half_written(here: GoogleHere, ask: Ask) -> None:
    answered = ask("owner", "provision", "--project", "primus", "--output", "absent/plan.json")
    assert answered.code == 7
    assert "cannot write the plan: no such file or directory" in answered.err
    assert sorted(path.name for path in Path().iterdir()) == ["policy.toml"]


def test_names_that_are_given_are_the_ones_that_are_made(here: GoogleHere, ask: Ask) -> None:
    Path("symbolon.toml").write_text('[owner]\nproject = "primus"\nmodel_bucket = "primus-models"\n')
    answered = ask("owner", "provision", "--pool", "other-pool", "--apply")
    assert "done: create bucket `primus-models`" in answered.out
    assert "done: create workload identity pool `other-pool`" in answered.out


def test_without_credentials_it_is_said_how_to_have_some(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    answered = ask("owner", "provision", "--project", "primus")
    assert answered.code == 7
    assert answered.err.splitlines()[0] == "error: there are no Google credentials to act with"
    assert "gcloud auth application-default login" in answered.err


KEY = "projects/primus/locations/europe-west4/keyRings/models/cryptoKeys/lite0"
SEALED = ("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--kms", KEY)


def test_the_key_of_a_sealed_model_is_made_and_its_binding_follows_the_digest(
    here: GoogleHere, ask: Ask
) -> None:
    planned = ask(*SEALED)
    assert "+ create  key ring `models`" in planned.out
    assert "+ create  key `lite0`\n            purpose: ENCRYPT_DECRYPT\n" in planned.out
    assert f"--project=primus --kms={KEY} --policy policy.toml --apply" in planned.out
    assert ask(*SEALED, "--apply").code == 0
    assert ask(*SEALED, "--apply").out.endswith("nothing had to be done\n")
    Path("policy.toml").write_text(POLICY.replace("1" * 64, "2" * 64))
    moved = ask(*SEALED, "--apply").out
    bound = "done: {} `roles/cloudkms.cryptoKeyDecrypter` on key `lite0` to `principalSet://"
    assert bound.format("grant") in moved
    assert bound.format("revoke") in moved


def test_the_key_is_named_by_the_terms_too(here: GoogleHere, ask: Ask) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "terms.md").read_text()
    terms = page.partition("```toml\n")[2].partition("```")[0].partition("[release]")[0]
    release = f'\n[release]\nmanifest = "{"5" * 64}"\nkms = "{KEY}"\n'
    command = ("owner", "provision", "--project", "primus", "--terms", "terms.toml")
    Path("terms.toml").write_text(terms)
    assert "key ring" not in ask(*command).out
    for text in (terms + release, terms.replace("scale = ", "# scale = ") + release):
        Path("terms.toml").write_text(text)
        planned = ask(*command)
        assert "+ create  key `lite0`" in planned.out
        assert "--project=primus --terms terms.toml --apply" in planned.out
    another = ask(*command, "--kms", KEY.replace("lite0", "another"))
    assert another.code == 7
    assert "`kms` is another key" in another.err


def test_taken_down_the_key_says_what_stays_of_it(here: GoogleHere, ask: Ask) -> None:
    assert ask(*SEALED, "--apply").code == 0
    shown = ask(*SEALED, "--destroy", "--plan")
    assert "  keep    key ring `models`  (stays: it is no more than a name, and costs nothing)" in shown.out
    assert "  keep    key `lite0`  (stays, with its versions: --with-contents schedules" in shown.out
    assert "- delete  `roles/cloudkms.cryptoKeyDecrypter` on key `lite0` to `principalSet" in shown.out
    all_of_it = ask(*SEALED, "--destroy", "--plan", "--with-contents")
    assert "~ change  key `lite0`  (the key stays; until" in all_of_it.out
    assert "            state of version 1: usable -> DESTROY_SCHEDULED" in all_of_it.out
    assert "cryptoKeys" not in "".join(here.written[-1:])
    assert "what they have wrapped opens no more" in all_of_it.out
    kept = ask(*SEALED, "--destroy", "--yes")
    assert kept.code == 0
    said = "key `lite0` and its key ring are not deleted, and its versions stay too, unless --with-contents"
    assert said in kept.out
    assert "DESTROY_SCHEDULED" not in str(here.everything())
    gone = ask(*SEALED, "--destroy", "--with-contents", "--yes")
    assert "done: schedule for destruction version 1 of key `lite0`" in gone.out
    again = ask(*SEALED, "--apply")
    assert again.code == 7
    assert "its primary version is `DESTROY_SCHEDULED`" in again.err
    assert "gcloud kms keys versions create --primary --key=lite0" in again.err


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param("lite0", "is no name for `kms`", id="no whole name"),
        pytest.param(KEY.replace("primus", "secundus"), "the key is in project `secundus`", id="elsewhere"),
    ],
)
def test_a_key_that_is_none_of_the_owner_s_is_refused(
    here: GoogleHere, ask: Ask, key: str, words: str
) -> None:
    refused = ask("owner", "provision", "--project", "primus", "--kms", key)
    assert refused.code == 7
    assert words in refused.err
    assert here.written == []


def test_the_project_s_number_names_the_same_key(here: GoogleHere, ask: Ask) -> None:
    by_number = ask(
        "owner", "provision", "--project", "primus", "--kms", KEY.replace("primus", "100000000001")
    )
    assert "+ create  key `lite0`" in by_number.out


def test_whoever_may_not_encrypt_is_granted_it_on_the_key_alone(here: GoogleHere, ask: Ask) -> None:
    asked: list[str] = []

    def interfere(request: requests.PreparedRequest) -> tuple[int, dict[str, Any]] | None:
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        if "testIamPermissions" in str(request.url) and "useToEncrypt" in body:
            asked.append(str(request.url))
            return 200, {}
        return None

    here.interfere = interfere
    line = "`roles/cloudkms.cryptoKeyEncrypter` on key `lite0` to `user:owner@primus.example`"
    assert f"+ create  {line}" in ask(*SEALED).out
    assert f"done: grant {line}" in ask(*SEALED, "--apply").out
    assert f"  keep    {line}" in ask(*SEALED).out
    assert len(asked) >= 3


def test_a_permission_of_cloud_kms_that_is_missing_has_its_line(here: GoogleHere, ask: Ask) -> None:
    detail = {"reason": "IAM_PERMISSION_DENIED", "metadata": {"permission": "cloudkms.cryptoKeys.create"}}
    here.interfere = lambda request: (
        (403, {"error": {"code": 403, "message": "No.", "details": [detail]}})
        if request.method == "POST" and "cryptoKeyId" in str(request.url)
        else None
    )
    refused = ask(*SEALED, "--apply")
    assert refused.code == 4
    assert "--role=roles/cloudkms.admin" in refused.err
