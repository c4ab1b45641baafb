"""The demo's story, step by step, through real clients: what is meant runs, and eight refusals for the right
reasons."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from symbolon.__main__ import main
from tests.journeys.conftest import Told
from tests.journeys.transcripts import README, assert_shown, block, normalised

ROOT = Path(__file__).parents[2]
STS = "The given credential is rejected by the attribute condition."
SHELL = f"""symbolon() {{ '{sys.executable}' -m symbolon "$@"; }}
python() {{ '{sys.executable}' "$@"; }}
"""


def reasons(scene: dict[str, Any]) -> list[str]:
    return [clause["reason"] for clause in scene["clauses"]]


def manifests(told: Told) -> list[str]:
    """Of the older model, and of the one that was published."""
    said = [event.get("what", "") for event in told.events]
    return [what.rpartition(" ")[2] for what in said if "its manifest is" in what]


def steps_of(told: Told, vm: str) -> list[str]:
    """The steps of the protocol that the workload of that VM has begun."""
    log = told.token(vm).parents[1] / "serial.log"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["step"] for line in lines if line.get("step") is not None]


def test_everything_comes_out_as_told(told: Told) -> None:
    assert told.code == 0
    scenes = [event for event in told.events if event["event"] == "scene"]
    assert [scene["outcome"] for scene in scenes] == ["yes", *["no"] * 6, "yes", "no", "no"]
    assert all(scene["as_told"] for scene in scenes)
    closing = told.events[-1]
    assert (closing["event"], closing["as_told"], closing["yes"], closing["no"]) == ("closing", True, 2, 8)


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
    assert scene["words"].endswith(" of the sealed model was altered, or is another model's")
    assert steps_of(told, "replaced-model") == ["attest", "impersonate", "fetch"]


def test_an_older_sealed_model_is_refused_by_its_manifest(told: Told) -> None:
    scene = told.scene(7)
    older, published = manifests(told)
    assert scene["exit_code"] == 4
    assert scene["words"] == (
        f"the sealed model's manifest is `{older}`, not the one that this image was published for"
    )
    assert older != published
    assert steps_of(told, "older-model") == ["attest", "impersonate", "fetch"]


def test_nothing_in_the_owner_s_bucket_shows_the_model(told: Told) -> None:
    """It is neither gzipped nor a tar archive there; and the key's policy names the image alone."""
    stored = [path.read_bytes() for path in (told.folder / "emulator").rglob("*") if path.is_file()]
    large = [data for data in stored if len(data) > 10_000_000]
    assert len(large) >= 3
    assert not [data for data in large if data.startswith(b"\x1f\x8b") or b"ustar" in data[:1024]]
    keys = json.loads((told.folder / "emulator/documents/cloudkms.cryptoKeys.json").read_text())
    (key,) = keys.values()
    ((role, members),) = [(each["role"], each["members"]) for each in key["policy"]["bindings"]]
    assert role == "roles/cloudkms.cryptoKeyDecrypter"
    (image,) = [event["what"] for event in told.events if "image with" in event.get("what", "")]
    assert [member.rpartition("/attribute.image_digest/")[2] for member in members] == [image.split()[-1]]


def test_the_receipt_of_the_job_is_verified_in_one_line(told: Told) -> None:
    (sealed,) = [event for event in told.events if event["event"] == "sealed"]
    assert (sealed["verified"], sealed["pictures"]) == (True, 5)
    assert sealed["manifest"] == manifests(told)[1]
    (line,) = [line for line in told.human.splitlines() if line.startswith("RECEIPT")]
    assert line.startswith("RECEIPT ✓  verified (emulator): sha256:")
    assert f" ran manifest {sealed['manifest'][:15]}… " in line


def test_three_runs_are_released_and_the_fourth_is_refused(told: Told) -> None:
    assert told.scene(8)["as_told"]
    scene = told.scene(9)
    assert (scene["exit_code"], scene["words"]) == (4, "all runs of the licence are used: 3 of 3")
    assert steps_of(told, "one-run-more") == ["attest", "impersonate", "fetch"]


def test_what_is_revoked_is_not_released_though_runs_are_left(told: Told) -> None:
    scene = told.scene(10)
    assert (scene["exit_code"], scene["words"]) == (4, "the owner has revoked the licence")


def test_the_broker_s_log_is_verified_from_outside_and_has_each_release(told: Told) -> None:
    (recorded,) = [event for event in told.events if event["event"] == "recorded"]
    assert (recorded["verified"], recorded["released"], recorded["why"]) == (True, 3, "")
    (line,) = [line for line in told.human.splitlines() if line.startswith("LOG")]
    assert line == f"LOG ✓  verified: {recorded['entries']} entries, 3 releases, and nothing was taken back"


def test_each_licensed_run_s_receipt_names_its_release(told: Told) -> None:
    """The broker is gone by now, and its public key is all that an auditor needs of it."""
    key = tomllib.loads((told.folder / "broker" / "broker.toml").read_text())["broker"]["public_key"]
    asked = ["auditor", "receipt", "verify", str(told.folder / "licensed-1.json"), "--broker-key", key]
    asked += ["--emulator", "--root", str(told.folder / "root.pem")]
    answer = io.StringIO()
    with redirect_stdout(answer):
        found = main([*asked, "--policy", str(told.folder / "by-the-run-policy.toml")])
    assert found == 0, answer.getvalue()


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


@pytest.mark.parametrize(
    ("until", "screens"), [("RECEIPT", 1.75), ("Everything of it is in", 2.25)], ids=["the cheating", "all"]
)
def test_the_story_fits_two_screens_and_a_little(told: Told, until: str, screens: float) -> None:
    """Of 25 lines and 100 columns; where it was kept is said after it."""
    story, _, _ = told.human.partition(until)
    lines = [piece for line in story.splitlines() for piece in textwrap.wrap(line, 100) or [""]]
    assert len(lines) <= 25 * screens


@pytest.mark.parametrize(
    ("vm", "step"),
    [
        ("workload-vm", 1),
        ("another-image", 2),
        ("debug-vm", 3),
        ("another-account", 4),
        ("replaced-model", 0),
        ("older-model", 0),
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


def chapter(number: int) -> list[str]:
    """The indented blocks of that chapter of the tutorial; no empty line of a here-document parts one."""
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^## {number}\. .*?(?=^## )", page, re.DOTALL | re.MULTILINE)
    document = r"(?:^    .*<<'END'.*\n(?:.*\n)*?^    END\n)"
    blocks = re.findall(rf"(?:{document}|^    .*\n)+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def test_the_tutorial_s_chapters_on_receipts_and_on_a_kill_are_answered_as_they_say(
    told: Told, tmp_path: Path
) -> None:
    story, typed = tmp_path / "story", ("symbolon ", "python ", "cat ", "cp ", "eval ")
    subprocess.run(["cp", "-a", told.folder, story], check=True)
    blocks = [*chapter(3), *chapter(5)[:1], *chapter(6)]
    commands = [block for block in blocks if block.startswith(typed)]
    answers = [block for block in blocks if not block.startswith(typed)]
    *commands, down = commands
    anew = "python again.py again-4"
    script = SHELL + "\n".join((*commands, anew, down))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        ["bash", "-c", script], cwd=story, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    at = 0
    for line in "".join(answers).splitlines():
        found = re.compile(re.escape(line).replace("…", ".*")).search(ran.stdout, at)
        assert found, f"that is not said, or not here: {line}\n{ran.stdout}"
        at = found.end()
    assert ran.stdout.count("VERIFIED (emulator)") == 2
    assert "whole: " in ran.stdout
    assert "nothing is left to do" in ran.stdout
    last = ran.stdout[ran.stdout.index("deleted result-00000.jsonl") :]
    assert f"STS refuses the exchange: `{STS}`" in last


def test_the_readme_s_transcript_is_the_demo_s(told: Told) -> None:
    command, *lines = block("demo")
    assert command in ("$ scripts/demo", "$ symbolon demo")
    assert_shown(lines, normalised(told.human))


def test_the_readme_s_refusal_is_what_the_command_says_of_the_demo_s_token(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *lines = block("explain")
    for name in ("condition.cel", "jwks.json"):
        shutil.copy(told.folder / name, tmp_path)
    shutil.copy(told.token("debug-vm"), tmp_path / "debug-vm.jwt")
    monkeypatch.chdir(tmp_path)
    assert main(command.removeprefix("$ symbolon ").split()) == 3
    assert_shown(lines, capsys.readouterr().out.splitlines())


def test_the_readme_s_way_to_learn_why_works_with_what_the_demo_leaves(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = README.read_text(encoding="utf-8").partition("## Why was I refused?")[2]
    demo, cd, command, *_ = re.findall(r"^    (\S.*)$", section.replace("\\\n", " "), re.MULTILINE)
    assert (demo, cd) == ("scripts/demo --keep story", "cd story")
    program, *arguments = shlex.split(command)
    assert program == "symbolon"
    monkeypatch.chdir(told.folder)
    assert main(arguments) == 3
    out = capsys.readouterr().out
    assert "FAIL  ✗  assertion.dbgstat" in out
    assert "STS would refuse its audience" in out
