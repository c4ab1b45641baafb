"""The demo's story, step by step, through real clients: one yes, and five refusals for the right reasons."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from symbolon.__main__ import main
from tests.journeys.conftest import Told

STS = "The given credential is rejected by the attribute condition."


def reasons(scene: dict[str, Any]) -> list[str]:
    return [clause["reason"] for clause in scene["clauses"]]


def test_everything_comes_out_as_told(told: Told) -> None:
    assert told.code == 0
    scenes = [event for event in told.events if event["event"] == "scene"]
    assert [scene["outcome"] for scene in scenes] == ["yes", "no", "no", "no", "no", "no"]
    assert all(scene["as_told"] for scene in scenes)
    closing = told.events[-1]
    assert (closing["event"], closing["as_told"], closing["yes"], closing["no"]) == ("closing", True, 1, 5)


def test_the_operator_gets_the_right_class_for_each_photo(told: Told) -> None:
    scene = told.scene(1)
    assert scene["exit_code"] == 0
    assert {each["picture"]: each["label"] for each in scene["pictures"]} == {
        "chelsea.png": "Egyptian cat",
        "china.jpg": "bell cote",
        "coffee.png": "espresso",
        "flower.jpg": "daisy",
        "motorcycle_left.png": "moped",
    }
    assert all(0 < each["score"] < 1 for each in scene["pictures"])


def test_another_image_is_refused_for_its_digest(told: Told) -> None:
    scene = told.scene(2)
    assert (scene["exit_code"], scene["words"]) == (4, STS)
    (clause,) = scene["clauses"]
    actual = clause["claims"]["submods.container.image_digest"]
    (expected,) = [event["what"] for event in told.events if "image with" in event.get("what", "")]
    assert actual.startswith("sha256:")
    assert actual not in expected
    assert clause["reason"].endswith(f'must be "{expected.rpartition(" ")[2]}"')


def test_a_debug_vm_is_refused_for_both_of_its_marks(told: Told) -> None:
    scene = told.scene(3)
    assert (scene["exit_code"], scene["words"]) == (4, STS)
    assert sorted(clause["outcome"] for clause in scene["clauses"]) == ["error", "false"]
    text = " ".join(reasons(scene))
    assert '`dbgstat` is "enabled", must be "disabled-since-boot"' in text
    assert "`submods.confidential_space.support_attributes` is absent" in text


def test_another_operator_s_account_is_refused_by_name(told: Told) -> None:
    scene = told.scene(4)
    assert (scene["exit_code"], scene["words"]) == (4, STS)
    (reason,) = reasons(scene)
    assert reason.startswith("`google_service_accounts` is ")
    assert "another-operator-sa@" in reason
    assert "workload-sa@" in reason


def test_the_operator_cannot_read_the_model(told: Told) -> None:
    assert told.scene(5)["words"].startswith(
        "403, operator@secundus.example does not have storage.objects.get"
    )


def test_a_replaced_model_is_refused_before_it_is_parsed(told: Told) -> None:
    scene = told.scene(6)
    assert scene["exit_code"] == 4
    assert scene["words"] == "the model in the bucket is not the one that this image was published for"
    log = told.token("replaced-model").parents[1] / "serial.log"
    steps = [json.loads(line).get("step") for line in log.read_text().splitlines() if line.startswith("{")]
    assert [step for step in steps if step is not None] == ["attest", "impersonate", "fetch"]


def test_the_receipt_of_the_job_is_verified_in_one_line(told: Told) -> None:
    (sealed,) = [event for event in told.events if event["event"] == "sealed"]
    assert (sealed["verified"], sealed["pictures"]) == (True, 5)
    (line,) = [line for line in told.human.splitlines() if line.startswith("RECEIPT")]
    assert line.startswith("RECEIPT ✓  verified (emulator): sha256:")


@pytest.mark.parametrize(("policy", "code"), [("policy.toml", 0), ("provider.json", 0), (None, 6)])
def test_an_auditor_who_was_not_there_verifies_the_receipt(told: Told, policy: str | None, code: int) -> None:
    kept = told.folder
    results = kept / "results"
    typed = [results / "receipt.json", "--results", results, "--emulator", "--root", kept / "root.pem"]
    typed += ["--policy", kept / policy] if policy else []
    answer = io.StringIO()
    with redirect_stdout(answer):
        found = main(["auditor", "receipt", "verify", *map(str, typed)])
    assert found == code, answer.getvalue()


def test_the_emulator_s_audit_log_is_whole(told: Told) -> None:
    answer = io.StringIO()
    with redirect_stdout(answer):
        assert main(["emulator", "audit", "verify", "--state", str(told.folder / "emulator")]) == 0
    assert answer.getvalue().startswith("whole: ")


def test_the_sandbox_is_named(told: Told) -> None:
    opening = next(event for event in told.events if event["event"] == "opening")
    assert opening["sandbox"] in ("bubblewrap", "bare")
    assert bool(opening["why"]) == (opening["sandbox"] == "bare")
    assert f"runs {'in ' * (opening['sandbox'] == 'bubblewrap')}{opening['sandbox']}" in told.human


def test_the_story_fits_two_screens(told: Told) -> None:
    lines = told.human.splitlines()
    assert len(lines) <= 50
    assert max(len(line) for line in lines if str(told.folder) not in line and "--token" not in line) <= 100


@pytest.mark.parametrize(
    ("vm", "step"),
    [
        ("workload-vm", 1),
        ("another-image", 2),
        ("debug-vm", 3),
        ("another-account", 4),
        ("replaced-model", 0),
    ],
)
def test_an_auditor_who_was_not_there_comes_to_the_same_answer(told: Told, vm: str, step: int) -> None:
    """What the demo keeps is enough to ask again; the model is not the condition's affair."""
    refused = told.scene(step)["clauses"] if step else []
    kept = told.folder
    files = ["--policy", kept / "condition.cel", "--token", told.token(vm), "--jwks", kept / "jwks.json"]
    answer = io.StringIO()
    with redirect_stdout(answer):
        code = main(["auditor", "explain", *map(str, files), "--format", "json"])
    clauses = json.loads(answer.getvalue())["clauses"]
    assert code == (3 if refused else 0)
    assert [clause for clause in clauses if clause["outcome"] != "true"] == refused
