"""`owner provision` and `operator provision` as a person types them, in front of Google in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.planning import plan
from deploy.provisioning import converge
from tests.deploy.google_here import GoogleHere
from tests.deploy.test_convergence import WANTED, what_is_seen
from tests.symbolon.conftest import Ask
from tests.symbolon.provisioning import POLICY, POOL, PROJECTS


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
    plan = ask(*command, "--destroy", "--plan").out
    assert "            image: 1 -> (none)" in plan
    assert "that deletes nothing while they hold something: add --with-contents to lose it\n" in plan
    said = ask(*command, "--destroy", "--plan", "--with-contents").out
    assert said.endswith("to do it: symbolon owner provision --project=primus --destroy --with-contents\n")
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


def test_names_that_are_given_are_the_ones_that_are_made(here: GoogleHere, ask: Ask) -> None:
    Path("symbolon.toml").write_text('[owner]\nproject = "primus"\nmodel_bucket = "primus-models"\n')
    answered = ask("owner", "provision", "--pool", "other-pool", "--apply")
    assert "done: create bucket `primus-models`" in answered.out
    assert "done: create workload identity pool `other-pool`" in answered.out
