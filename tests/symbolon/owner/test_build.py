"""`symbolon owner policy build`: what the owner gives to Google."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.symbolon.auditor.explaining import POLICY_FILE
from tests.symbolon.conftest import Ask


def test_a_policy_is_built_into_condition_mapping_and_gcloud_line(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY_FILE)
    built = ask("owner", "policy", "build", tmp_path / "policy.toml", "--format", "json").json
    assert built.keys() == {"condition", "mapping", "gcloud"}
    assert 'assertion.dbgstat == "disabled-since-boot"' in built["condition"]
    assert "google.subject" in built["mapping"]
    words = shlex.split(built["gcloud"])
    assert words[:5] == ["gcloud", "iam", "workload-identity-pools", "providers", "create-oidc"]
    assert f"--attribute-condition={built['condition']}" in words

    human = ask("owner", "policy", "build", tmp_path / "policy.toml").out
    for part in (built["condition"], built["gcloud"], *built["mapping"]):
        assert part in human


def test_what_is_built_is_what_explain_reads(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY_FILE)
    built = ask("owner", "policy", "build", tmp_path / "policy.toml", "--format", "json").json
    (tmp_path / "c.cel").write_text(built["condition"])
    (tmp_path / "claims.json").write_text("{}")
    arguments = ("auditor", "explain", "--policy", tmp_path / "c.cel", "--token", tmp_path / "claims.json")
    assert ask(*arguments, "--unsafe-unverified").code == 3


def test_a_misspelt_key_is_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY_FILE.replace("swname", "swnam"))
    answered = ask("owner", "policy", "build", tmp_path / "policy.toml")
    assert (answered.code, answered.out) == (7, "")
    assert "swnam" in answered.err
