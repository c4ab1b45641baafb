"""`doctor` says what is there, what is missing, and which line mends it; done line by line, all is there."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import symbolon.doctor.command as doctor
import symbolon.operator.provision as of_operator
import symbolon.owner.provision as of_owner
from attestation.errors import ExitCode
from deploy.allow_policies import give
from deploy.google_api import GoogleApi
from deploy.resources import Grant, Project, operator_of
from symbolon.doctor.command import examine_operator
from symbolon.projects import OperatorNames
from tests.deploy.google_here import GoogleHere, google_in
from tests.symbolon.conftest import Answered, Ask
from tests.symbolon.provisioning import POLICY, POOL

OWNER = ("owner", "--project", "primus")
OPERATOR = ("operator", "--project", "secundus")
PRIMUS = Project(project_id="primus", number="100000000001")
STRANGER = "user:auditor@tertius.example"


@pytest.fixture
def speaker() -> dict[str, str]:
    """Who the doctor signs in as."""
    return {"party": "owner"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speaker: dict[str, str]) -> Iterator[GoogleHere]:
    """Google in this process, which the commands reach, and a folder with the owner's policy."""
    google, fleet = google_in(tmp_path / "google")
    monkeypatch.setattr(doctor, "sign_in", lambda _: google.api(speaker["party"]))
    monkeypatch.setattr(of_owner, "sign_in", lambda _: google.api("owner"))
    monkeypatch.setattr(of_operator, "sign_in", lambda _: google.api("operator"))
    for name in ("GOOGLE_CLOUD_PROJECT", "PRIMUS_PROJECT_ID", "SECUNDUS_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("policy.toml").write_text(POLICY)
    yield google
    fleet.stop()


def missing(answered: Answered) -> dict[str, str]:
    """What is missing → what it says of it."""
    return {each["what"]: each["says"] for each in answered.json["checks"] if not each["is_well"]}


def test_an_owner_who_has_done_what_it_says_is_ready(here: GoogleHere, ask: Ask) -> None:
    before = ask("doctor", *OWNER, "--policy", "policy.toml")
    assert before.code == 7
    assert "MISSING  bucket `primus-input-bucket`: not there\n" in before.out
    (fix,) = {line for line in before.out.splitlines() if line.startswith("         fix: ")}
    assert ask(*shlex.split(fix.partition(": symbolon ")[2])).code == 0
    here.asked.clear()
    after = ask("doctor", *OWNER, "--policy", "policy.toml")
    assert (after.code, after.err) == (0, "")
    assert after.out.endswith("everything is there\n")
    assert "ok       credentials: user:owner@primus.example\n" in after.out
    assert here.written == []
    assert ask("doctor", *OWNER).code == 0


def test_an_operator_who_has_done_what_it_says_is_ready(
    here: GoogleHere, ask: Ask, speaker: dict[str, str]
) -> None:
    speaker["party"] = "operator"
    before = ask("doctor", *OPERATOR, "--format", "json")
    assert (before.code, before.json["ready"]) == (7, False)
    assert set(missing(before).values()) == {"not there", "not given"}
    assert ask("operator", "provision", "--project", "secundus", "--apply").code == 0
    after = ask("doctor", *OPERATOR, "--format", "json")
    assert (after.code, after.json["ready"], missing(after)) == (0, True, {})
    assert "N2D_CPUS 24 left" in [each["says"] for each in after.json["checks"]][-1]


def test_each_role_that_is_missing_is_named_with_the_line_that_grants_it(
    here: GoogleHere, ask: Ask, speaker: dict[str, str]
) -> None:
    ask("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    speaker["party"] = "auditor"
    give(here.api(), Grant(on=PRIMUS, role="roles/browser", member=STRANGER))
    before = ask("doctor", *OWNER, "--policy", "policy.toml", "--format", "json")
    assert before.code == 7
    lines = {each["fix"] for each in before.json["checks"] if each["what"].startswith("permissions of")}
    assert "gcloud projects add-iam-policy-binding primus --member=user:auditor@tertius.example " in min(
        lines
    )
    for line in lines:
        role = line.partition("--role=")[2]
        give(here.api(), Grant(on=PRIMUS, role=role, member=STRANGER))
    assert missing(ask("doctor", *OWNER, "--policy", "policy.toml", "--format", "json")) == {}


def test_a_project_that_may_not_be_seen_ends_the_questions(
    here: GoogleHere, ask: Ask, speaker: dict[str, str]
) -> None:
    speaker["party"] = "auditor"
    answered = ask("doctor", *OWNER)
    assert answered.code == 7
    assert "MISSING  project `primus`: google answered finding project `primus` with 403" in answered.out
    assert "--role=roles/browser" in answered.out
    assert "1 of these is missing" in answered.out


def test_who_may_be_the_vm_s_account_is_asked_of_the_account_itself(
    here: GoogleHere, ask: Ask, speaker: dict[str, str]
) -> None:
    ask("operator", "provision", "--project", "secundus", "--apply")
    secundus = Project(project_id="secundus", number="200000000002")
    account = operator_of(secundus).workload_account
    give(here.api("operator"), Grant(on=secundus, role="roles/browser", member=STRANGER))
    speaker["party"] = "auditor"
    what = f"acting as service account `{account.email}`"
    before = ask("doctor", *OPERATOR, "--format", "json")
    (fix,) = [each["fix"] for each in before.json["checks"] if each["what"] == what]
    assert missing(before)[what] == "missing: iam.serviceAccounts.actAs"
    assert fix == (
        f"gcloud iam service-accounts add-iam-policy-binding {account.email} --member={STRANGER} "
        "--role=roles/iam.serviceAccountUser --project=secundus"
    )
    give(here.api("operator"), Grant(on=account, role="roles/iam.serviceAccountUser", member=STRANGER))
    assert what not in missing(ask("doctor", *OPERATOR, "--format", "json"))


def test_a_subject_that_may_be_too_long_is_not_well(here: GoogleHere, ask: Ask) -> None:
    mapping = '[mapping]\n"google.subject" = "assertion.sub"\n"attribute.image_digest" = '
    mapping += '"assertion.submods.container.image_digest"\n'
    Path("policy.toml").write_text(POLICY + mapping)
    ask("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    found = missing(ask("doctor", *OWNER, "--policy", "policy.toml", "--format", "json"))
    assert list(found) == ["subject of the policy"]
    assert "longer than 127 bytes" in found["subject of the policy"]


def test_without_credentials_that_is_what_is_missing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/absent/credentials.json")
    answered = ask("doctor", *OWNER)
    assert answered.code == 7
    assert "MISSING  credentials: there are no Google credentials to act with\n" in answered.out
    assert "/absent" not in answered.out + answered.err


def patched(**body: Any) -> Callable[[GoogleApi], None]:
    def change(api: GoogleApi) -> None:
        api.call("PATCH", f"{POOL}/providers/primus-wip-provider", doing="changing", body=body)

    return change


def deleted(api: GoogleApi) -> None:
    api.call("DELETE", f"{POOL}/providers/primus-wip-provider", doing="deleting")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(patched(disabled=True), "disabled: nobody is admitted", id="it is disabled"),
        pytest.param(deleted, "deleted; it can be restored", id="it is deleted"),
        pytest.param(
            patched(oidc={"issuerUri": "https://evil.example"}),
            "believes the tokens of `https://evil.example`, not of Confidential Space",
            id="another issuer",
        ),
        pytest.param(
            patched(attributeCondition=""),
            "has no condition: every workload of anybody's is admitted",
            id="no condition",
        ),
    ],
)
def test_a_provider_that_is_not_in_order_is_said_to_be_so(
    here: GoogleHere, ask: Ask, change: Callable[[GoogleApi], None], says: str
) -> None:
    ask("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    change(here.api())
    answered = ask("doctor", *OWNER, "--format", "json")
    assert missing(answered) == {"provider `primus-wip-provider`": says}
    (fix,) = [each["fix"] for each in answered.json["checks"] if not each["is_well"]]
    assert fix.endswith(
        " --no-disabled" if "disabled" in says else "symbolon owner provision --policy POLICY --apply"
    )


def test_with_a_policy_a_provider_that_asks_something_else_is_found(here: GoogleHere, ask: Ask) -> None:
    ask("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--apply")
    Path("policy.toml").write_text(POLICY.replace("1" * 64, "2" * 64))
    found = missing(ask("doctor", *OWNER, "--policy", "policy.toml", "--format", "json"))
    assert found["provider `primus-wip-provider`"] == "differs in attributeCondition"
    assert len(found) == 2  # and nobody is bound


def answer(part: str, status: int, body: dict[str, Any]) -> Callable[[requests.PreparedRequest], Any]:
    """Every request whose address has `part` is answered so."""
    return lambda request: (status, body) if part in str(request.url) else None


QUOTAS = {"quotas": [{"metric": "N2D_CPUS", "limit": 8.0, "usage": 7.0}]}
OFF = {
    "reason": "SERVICE_DISABLED",
    "metadata": {"service": "compute.googleapis.com", "consumer": "projects/s"},
}


@pytest.mark.parametrize(
    ("interfere", "what", "says", "fix"),
    [
        pytest.param(
            answer("/regions/", 200, QUOTAS),
            "quota in `us-west1`",
            "N2D_CPUS: 1 left, 2 needed",
            "ask Google for more",
            id="no quota is left",
        ),
        pytest.param(
            answer("/zones/", 200, {"status": "DOWN"}),
            "quota in `us-west1`",
            "zone `us-west1-b` is down",
            "--zone",
            id="the zone is down",
        ),
        pytest.param(
            answer("compute.googleapis.com/compute", 403, {"error": {"message": "Off.", "details": [OFF]}}),
            "quota in `us-west1`",
            "google answered looking at zone `us-west1-b` with 403",
            "gcloud services enable compute.googleapis.com --project=s",
            id="the API is off",
        ),
        pytest.param(
            answer(":batchGet", 200, {"services": []}),
            "API `confidentialcomputing.googleapis.com`",
            "not enabled",
            "gcloud services enable confidentialcomputing.googleapis.com --project=secundus",
            id="no API is enabled",
        ),
    ],
)
def test_what_google_does_not_give_is_missing(
    here: GoogleHere, ask: Ask, speaker: dict[str, str], interfere: Any, what: str, says: str, fix: str
) -> None:
    speaker["party"] = "operator"
    ask("operator", "provision", "--project", "secundus", "--apply")
    here.interfere = interfere
    answered = ask("doctor", *OPERATOR, "--format", "json")
    assert answered.code == 7
    assert says in missing(answered)[what]
    assert [each["fix"] for each in answered.json["checks"] if each["what"] == what and fix in each["fix"]]


def test_a_zone_that_is_none_is_missing(here: GoogleHere, ask: Ask, speaker: dict[str, str]) -> None:
    speaker["party"] = "operator"
    found = missing(ask("doctor", *OPERATOR, "--zone", "us-west1-z", "--format", "json"))
    assert "google answered looking at zone `us-west1-z` with 404" in found["quota in `us-west1`"]
    found = missing(ask("doctor", *OPERATOR, "--zone", "mars-north1-a", "--format", "json"))
    assert "404" in found["quota in `mars-north1`"]


def test_where_google_does_not_answer_that_is_the_answer(here: GoogleHere, ask: Ask) -> None:
    here.interfere = lambda _request: (503, {"error": {"message": "Down."}})
    assert ask("doctor", *OWNER).code == 5


@pytest.mark.parametrize(("ahead_s", "well"), [(3600, False), (-3600, False), (5, True)])
def test_a_clock_that_is_wrong_is_missing(
    here: GoogleHere, capsys: pytest.CaptureFixture[str], ahead_s: int, well: bool
) -> None:
    names = OperatorNames(
        project="secundus",
        location="us-west1",
        zone="us-west1-b",
        input_bucket="secundus-input-bucket",
        result_bucket="secundus-result-bucket",
        service_account="workload-sa",
    )
    api = here.api("operator")
    code = examine_operator(names, output="json", api=api, clock=lambda: time.time() + ahead_s)
    assert code is ExitCode.MISCONFIGURED  # nothing is provisioned
    (clock,) = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["what"] == "clock"]
    assert clock["is_well"] is well
    assert ("ahead of" if ahead_s > 0 else "behind") in clock["says"]
