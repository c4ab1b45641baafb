"""An auditor is handed a condition as it is often published, and brings its owner to one that holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbolon.__main__ import main

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "gate-a-pull-request.md"
PUBLISHED = (
    'assertion.swname == "CONFIDENTIAL_SPACE" &&'
    ' "STABLE" in assertion.submods.confidential_space.support_attributes'
)
POLICY = """
[provider]
project_number = "123456789012"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["sha256:{digest}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
[how]
env_override = ["INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE"]
"""
PINNED = POLICY.format(digest="a" * 64)

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command's exit code, and its answer in JSON."""

    def ran(*arguments: str | Path) -> tuple[int, Any]:
        code = main([*map(str, arguments), "--format", "json"])
        return code, json.loads(capsys.readouterr().out)

    return ran


def test_an_auditor_brings_a_policy_from_published_to_proved(run: Run, tmp_path: Path) -> None:
    published, policy = tmp_path / "published.cel", tmp_path / "policy.toml"
    published.write_text(PUBLISHED)
    policy.write_text(PINNED)

    code, review = run("auditor", "review", published)
    assert code == 3
    found = {each["rule"]: each for each in review["findings"]}
    assert found.keys() >= {"workload-not-pinned", "unencrypted-memory-admitted", "project-not-pinned"}

    stranger = tmp_path / "stranger.json"  # the evidence is a token that really is admitted
    stranger.write_text(json.dumps(found["unencrypted-memory-admitted"]["token"]))
    explain = ("auditor", "explain", "--token", stranger, "--unsafe-unverified", "--policy")
    assert run(*explain, published)[1]["decision"] == "admit"

    assert run("auditor", "review", policy)[0] == 0
    code, difference = run("auditor", "diff", published, policy)
    assert (code, difference["verdict"], difference["newly_admitted"]) == (0, "stricter", None)
    assert run("auditor", "diff", policy, published)[0] == 3

    for question in ("production-image", "encrypted-memory", "pinned-image", "pinned-operator"):
        assert run("auditor", "prove", policy, "--question", question)[1]["verdict"] == "proved"
    code, values = run("auditor", "prove", policy, "--values-of", "submods.container.image_digest")
    assert (code, values["values"]) == (0, ["sha256:" + "a" * 64])

    assert run("owner", "policy", "test", policy, "--generate", tmp_path / "policy.tests")[0] == 0
    assert run("owner", "policy", "test", policy)[1]["passed"]


def step(name: str) -> str:
    """What a step of the published workflow runs."""
    workflow = re.search(r"```yaml\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert workflow is not None
    match = re.search(
        rf"- name: {name}\n(?:        if: .*\n)?        run: \|\n((?:          .*\n)+)", workflow[1]
    )
    assert match is not None
    return match[1]


class Repository:
    """A checkout of a pull request, as the workflow finds it."""

    def __init__(self, folder: Path, *, before: str, after: str) -> None:
        self._folder = folder
        self.summary = folder / "summary.md"
        self._git("init", "-q", "-b", "main")
        self._commit(before)
        self._git("update-ref", "refs/remotes/origin/main", "HEAD")
        self._commit(after)

    def runs(self, name: str) -> int:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        shell = ["bash", "-e", "-c", step(name)]
        return subprocess.run(shell, cwd=self._folder, env=environment, check=False).returncode

    def _commit(self, policy: str) -> None:
        (self._folder / "policy.toml").write_text(policy)
        self._git("add", "policy.toml")
        self._git("-c", "user.name=o", "-c", "user.email=o@primus.example", "commit", "-q", "-m", "policy")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self._folder, check=True)


@pytest.mark.parametrize(
    ("after", "code", "said"),
    [
        pytest.param(PINNED + "\n# a comment\n", 0, "EQUIVALENT", id="nobody is affected"),
        pytest.param(POLICY.format(digest="b" * 64), 3, "INCOMPARABLE", id="another image"),
    ],
)
def test_the_published_workflow_stops_a_pull_request_that_lets_somebody_in(
    tmp_path: Path, after: str, code: int, said: str
) -> None:
    repository = Repository(tmp_path, before=PINNED, after=after)
    assert repository.runs("does it let anybody in") == code
    assert said in repository.summary.read_text(encoding="utf-8")


def test_the_published_workflow_uploads_findings_whether_or_not_there_are_bad_ones(tmp_path: Path) -> None:
    bad = PINNED + '\n[where]\nunsafe_not_asked = ["hwmodels"]\n'
    repository = Repository(tmp_path, before=PINNED, after=bad)
    assert repository.runs("what is wrong with it") == 3
    (run,) = json.loads((tmp_path / "policy.sarif").read_text(encoding="utf-8"))["runs"]
    assert [each["ruleId"] for each in run["results"]] == ["unencrypted-memory-admitted"]
    (location,) = run["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "policy.toml"
