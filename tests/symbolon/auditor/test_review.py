"""`symbolon auditor review`: an answer, its evidence, and what it exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import symbolon.auditor.review
import symbolon.progress
from attestation.digests import digest_of
from policy.proving.prover import Prover
from tests.policy.test_reviewing import WITHIN_BOUNDS
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, HOSTILE, PINNED, STABLE, provider, written


def rules_of(document: Any) -> list[str]:
    return [finding["rule"] for finding in document["findings"]]


def test_a_policy_that_admits_anybody_is_told_so_with_the_token_that_gets_in(ask: Ask, anybody: Path) -> None:
    answered = ask("auditor", "review", anybody)
    assert (answered.code, answered.err) == (3, "")
    assert answered.out.startswith("FAIL  admits somebody; findings: 1 critical")
    assert "critical  workload-not-pinned\n" in answered.out
    assert 'hwmodel = "GCP_SHIELDED_VM"\n' in answered.out


def test_the_policy_that_build_renders_is_reviewed_clean(ask: Ask, tmp_path: Path) -> None:
    answered = ask("auditor", "review", written(tmp_path / "policy.toml", HARDENED), "--fail-on", "info")
    assert (answered.code, answered.err) == (0, "")
    assert answered.out.startswith("PASS  admits somebody; no findings\n")
    assert answered.out.count("keeps out  ") > 5


def test_json_has_the_promised_shape(ask: Ask, anybody: Path) -> None:
    document = ask("auditor", "review", anybody, "--format", "json").json
    assert document.keys() >= {"findings", "admits", "assumptions"}
    for finding in document["findings"]:
        assert finding.keys() >= {"rule", "severity", "message", "span", "token"}
    unencrypted = next(each for each in document["findings"] if each["rule"] == "unencrypted-memory-admitted")
    assert (unencrypted["severity"], unencrypted["token"]["hwmodel"]) == ("high", "GCP_SHIELDED_VM")
    assert document["admits"]["condition"].keys() == {"what", "where", "who", "how"}
    assert "a debug image has no support attribute" in document["assumptions"]


def test_a_waived_finding_does_not_count_and_says_whose_word_it_is(ask: Ask, tmp_path: Path) -> None:
    loose = HARDENED.replace("[what]", '[where]\nunsafe_not_asked = ["hwmodels"]\n[what]')
    policy = written(tmp_path / "policy.toml", loose)
    assert ask("auditor", "review", policy).code == 3
    waiver = 'rule = "unencrypted-memory-admitted"\nreason = "a test"\nowner = "me@primus.example"\n'
    written(policy, f"{loose}\n[[waiver]]\n{waiver}expires = 9999-12-31\n")
    answered = ask("auditor", "review", policy)
    assert answered.code == 0
    assert "waived: until 9999-12-31 by me@primus.example: a test\n" in answered.out
    written(policy, f"{loose}\n[[waiver]]\n{waiver}expires = 2000-01-01\n")
    expired = ask("auditor", "review", policy, "--format", "json")
    assert expired.code == 3
    assert "waiver-expired" in rules_of(expired.json)


def test_providers_of_one_pool_are_reviewed_together(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "list.json", [provider(PINNED), provider(ANYBODY, name="second")])
    answered = ask("auditor", "review", policy)
    assert answered.code == 3
    assert "what it admits, through second\n" in answered.out
    assert "second-provider" in answered.out


def test_bindings_are_read_beside_the_policy(ask: Ask, tmp_path: Path) -> None:
    member = (
        "principalSet://iam.googleapis.com/projects/100000000001/locations/global/workloadIdentityPools/p/*"
    )
    bindings = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}
    policy = written(tmp_path / "policy.toml", HARDENED)
    beside = written(tmp_path / "bindings.json", bindings)
    answered = ask("auditor", "review", policy, "--bindings", beside)
    assert answered.code == 3
    assert f"{beside}:6:" in answered.out
    document = ask("auditor", "review", policy, "--bindings", beside, "--format", "json").json
    assert rules_of(document) == ["pool-wide-binding"]


def configuration() -> dict[str, object]:
    return {"config": {"Labels": {"tee.launch_policy.allow_env_override": "INPUT_URI,LD_PRELOAD"}}}


def layout(folder: Path) -> Path:
    """An OCI layout as buildx makes it: an index in it, and an attestation beside the image."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(document: object) -> str:
        data = json.dumps(document).encode()
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
        return digest_of(data)

    manifest = blob({"config": {"digest": blob(configuration())}})
    attestation = {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown", "architecture": "unknown"}}
    written(
        folder / "index.json",
        {"manifests": [{"digest": blob({"manifests": [{"digest": manifest}, attestation]})}]},
    )
    return folder


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(lambda folder: written(folder / "config.json", configuration()), id="a configuration"),
        pytest.param(lambda folder: layout(folder / "oci"), id="a layout"),
    ],
)
def test_an_image_s_labels_are_read_beside_the_policy(
    ask: Ask, tmp_path: Path, image: Callable[[Path], Path]
) -> None:
    policy = written(tmp_path / "policy.toml", HARDENED)
    answered = ask("auditor", "review", policy, "--image", image(tmp_path), "--format", "json")
    assert rules_of(answered.json) == ["image-labels-wider-than-condition"]


def test_a_layout_whose_blob_was_changed_is_rejected(ask: Ask, tmp_path: Path) -> None:
    folder = layout(tmp_path / "oci")
    for path in (folder / "blobs" / "sha256").iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    policy = written(tmp_path / "policy.toml", HARDENED)
    assert ask("auditor", "review", policy, "--image", folder).code == 4


def test_a_folder_that_is_no_layout_is_misconfigured(ask: Ask, tmp_path: Path) -> None:
    written(tmp_path / "index.json", {"manifests": []})
    answered = ask("auditor", "review", written(tmp_path / "p.cel", STABLE), "--image", tmp_path)
    assert (answered.code, answered.out) == (7, "")
    assert "not an OCI layout" in answered.err


def test_an_expression_that_google_would_refuse_is_a_finding_with_its_place(ask: Ask, tmp_path: Path) -> None:
    answered = ask("auditor", "review", written(tmp_path / "p.cel", 'assertion.swname == "a" &&'))
    assert answered.code == 3
    assert "invalid-expression" in answered.out
    assert answered.out.startswith("FAIL  Google would refuse this condition")
    assert "keeps out" not in answered.out  # of a condition without clauses nothing can be said


def test_a_policy_is_told_by_its_content_where_its_name_says_nothing(ask: Ask, tmp_path: Path) -> None:
    for number, content in enumerate((HARDENED, provider(ANYBODY), ANYBODY)):
        policy = written(tmp_path / str(number), content)
        assert "admits somebody" in ask("auditor", "review", policy).out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("main.tf", 'pool = "primus-wip"\n', "this is Terraform's source"),
        ("README.md", "# Only a heading\n", "this is a Markdown page"),
        ("key.json", '{"type": "service_account", "private_key": "x"}', "this is a service account's key"),
    ],
)
def test_a_file_that_is_no_policy_is_told_what_it_is(
    ask: Ask, tmp_path: Path, name: str, content: str, said: str
) -> None:
    answered = ask("auditor", "review", written(tmp_path / name, content))
    assert (answered.code, answered.out) == (7, "")
    assert said in answered.err


@pytest.mark.parametrize("output", ["human", "json", "sarif", "html", "markdown"])
def test_whatever_shows_it_a_hostile_policy_is_only_shown(ask: Ask, tmp_path: Path, output: str) -> None:
    policy = written(tmp_path / "p.json", provider(HOSTILE))
    answered = ask("auditor", "review", policy, "--format", output)
    assert answered.code == 3
    assert "nosuchclaim" in answered.out
    assert "\x1b" not in answered.out
    if output != "json":  # for programs, who obey neither
        assert "\u202e" not in answered.out


def test_a_terminal_is_told_what_takes_long_and_nobody_else(
    ask: Ask, anybody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbolon.progress, "PATIENCE_S", 0.0)
    assert ask("auditor", "review", anybody).err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert "reviewing …" in ask("auditor", "review", anybody).err


def test_a_bug_in_a_rule_leaves_no_solver_behind(
    ask: Ask, anybody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    close = Prover.close

    def closes(prover: Prover) -> None:
        closed.append(prover)
        close(prover)

    monkeypatch.setattr(Prover, "close", closes)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(symbolon.auditor.review, "review", fail)
    assert ask("auditor", "review", anybody).code == 1
    assert len(closed) == 1


@pytest.mark.parametrize(("output", "rich"), [("json", "rich"), ("human", "rich.console")])
def test_an_answer_waits_neither_for_a_terminal_s_library_nor_for_google_s(
    tmp_path: Path, output: str, rich: str
) -> None:
    policy = written(tmp_path / "p.cel", ANYBODY)
    program = (
        "import sys, symbolon.__main__ as m; "
        f"m.main(['auditor', 'review', {str(policy)!r}, '--format', {output!r}]); "
        f"heavy = {{{rich!r}, 'z3', 'google.auth', 'google.cloud', 'requests', 'cryptography'}}; "
        "heavy &= sys.modules.keys(); "
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("output", ["human", "json", "html", "markdown"])
def test_what_rests_on_a_bound_is_asked_for_and_marked(ask: Ask, tmp_path: Path, output: str) -> None:
    policy = written(tmp_path / "p.cel", WITHIN_BOUNDS)
    refused = ask("auditor", "review", policy, "--format", output).out
    accepted = ask("auditor", "review", policy, "--accept-bounds", "--format", output).out
    mark = '"bounded": true' if output == "json" else "bounded: longer lists and maps are not covered"
    assert "it is proved only where" in refused
    assert "accept-bounds" in refused
    assert mark not in refused
    assert mark in accepted
    assert "it is proved only where" not in accepted


def test_code_scanning_reads_the_bound_among_the_assumptions(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", WITHIN_BOUNDS)
    (run,) = ask("auditor", "review", policy, "--accept-bounds", "--format", "sarif").json["runs"]
    assert any("has at most" in each for each in run["properties"]["assumptions"])


@pytest.mark.parametrize("output", ["human", "html", "markdown"])
def test_a_row_of_documented_values_says_where_others_are_admitted_too(
    ask: Ask, tmp_path: Path, output: str
) -> None:
    said = "or a value that is not documented"
    assert said in ask("auditor", "review", written(tmp_path / "p.cel", ANYBODY), "--format", output).out
    assert said not in ask("auditor", "review", written(tmp_path / "q", HARDENED), "--format", output).out
