"""`symbolon owner policy test`: tokens with the decisions that are expected of them, made or given."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tests.attestation.signing import every_claim, rsa_key, signed
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, PINNED, provider, written


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return written(tmp_path / "policy.toml", HARDENED)


def test_tests_are_made_from_the_policy_and_pass(ask: Ask, policy: Path, tmp_path: Path) -> None:
    made = ask("owner", "policy", "test", policy, "--generate", tmp_path / "policy.tests")
    assert (made.code, made.err) == (0, "")
    assert "redundant" in made.out
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("policy.tests/*/*.json")}
    assert {"policy.tests/admit/production.json", "policy.tests/deny/clause-1.json"} < names
    ran = ask("owner", "policy", "test", policy)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"PASS  {len(names)} tokens, each decided as expected\n")


def test_a_clause_that_is_taken_out_fails_the_test_that_was_made_for_it(
    ask: Ask, policy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tests"
    ask("owner", "policy", "test", policy, "--generate", folder)
    looser = HARDENED.replace("[what]", '[where]\nunsafe_not_asked = ["secboot"]\n[what]')
    answered = ask("owner", "policy", "test", written(policy, looser), folder)
    assert answered.code == 3
    assert answered.out.startswith("FAIL  1 of ")
    assert "it should be denied\n" in answered.out
    assert "secboot = false\n" in answered.out


def test_json_says_what_was_expected_and_what_was_never_tried(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", "assertion.secboot")
    (tmp_path / "p.tests" / "admit").mkdir(parents=True)
    written(tmp_path / "p.tests" / "admit" / "one.json", {"secboot": True})
    document = ask("owner", "policy", "test", policy, "--format", "json").json
    assert [each["role"] for each in document.pop("record")["inputs"]] == ["policy", "token"]
    assert document == {
        "verdict": "pass",
        "passed": True,
        "results": [
            {
                "name": "admit/one.json",
                "decision": "admit",
                "admitted": True,
                "expected": True,
                "passed": True,
            }
        ],
        "unseen": [{"provider": "", "text": "assertion.secboot", "span": [0, 17], "missing": [False]}],
    }
    assert "never false  assertion.secboot\n" in ask("owner", "policy", "test", policy).out


def test_a_signed_token_is_as_good_as_its_claims(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", "assertion.secboot")
    (tmp_path / "deny").mkdir()
    claims = every_claim() | {"secboot": False}
    token = signed({"alg": "RS256", "kid": "k", "typ": "JWT"}, claims, rsa_key("day"))
    written(tmp_path / "deny" / "real.jwt", token + "\n")
    assert ask("owner", "policy", "test", policy, tmp_path).code == 0


def test_of_several_providers_each_clause_has_a_file_of_its_own(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", [provider(PINNED), provider(ANYBODY, name="second")])
    folder = tmp_path / "tests"
    assert ask("owner", "policy", "test", policy, "--generate", folder, "--format", "json").code == 0
    assert {path.name for path in (folder / "deny").iterdir()} >= {
        "first-clause-1.json",
        "second-clause-2.json",
    }


def test_a_policy_that_admits_nobody_has_no_token_to_show(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.swname == "a" && assertion.swname == "b"')
    answered = ask("owner", "policy", "test", policy, "--generate", tmp_path / "tests")
    assert answered.code == 3
    assert answered.out.startswith("NOBODY ADMITTED  ")


def test_without_a_solver_no_test_is_made_up(
    ask: Ask, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    answered = ask("owner", "policy", "test", policy, "--generate", tmp_path / "tests")
    assert answered.code == 6
    assert answered.out.startswith("NOT DECIDED  ")


def test_a_folder_with_something_in_it_is_left_alone(ask: Ask, policy: Path, tmp_path: Path) -> None:
    answered = ask("owner", "policy", "test", policy, "--generate", tmp_path)
    assert (answered.code, answered.out) == (7, "")
    assert sorted(tmp_path.iterdir()) == [policy]


def test_where_there_is_no_room_nothing_is_left_half_written(
    ask: Ask, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def fill_up(self: Path, text: str, **how: Any) -> int:
        if self.name == "clause-1.json":
            write(self, text[:100], **how)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, text, **how)

    monkeypatch.setattr(Path, "write_text", fill_up)
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (tmp_path / "tests", empty):
        answered = ask("owner", "policy", "test", policy, "--generate", folder)
        assert (answered.code, answered.out) == (7, "")
        assert answered.err.splitlines()[0].endswith("no space left on device")
        assert answered.err.splitlines()[1].startswith("hint: ")
    assert sorted(tmp_path.iterdir()) == [empty, policy]
    assert not list(empty.iterdir())


def test_of_a_condition_that_reads_what_is_mapped_no_test_is_made_up(ask: Ask, tmp_path: Path) -> None:
    condition = written(tmp_path / "p.cel", 'google.subject == "a"')
    answered = ask("owner", "policy", "test", condition, "--generate", tmp_path / "tests")
    assert answered.code == 6
    assert answered.out.startswith("NOT DECIDED  ")
    assert "the condition reads what a provider maps" in answered.out
    assert not [each for each in (tmp_path / "tests").rglob("*") if each.is_file()]


def test_a_token_that_another_provider_admits_is_no_test_of_a_refusal(ask: Ask, tmp_path: Path) -> None:
    pinned = provider("assertion.secboot && has(assertion.swname)")
    providers = [pinned, provider("has(assertion.swname)", name="second")]
    policy = written(tmp_path / "p.json", providers)
    answered = ask("owner", "policy", "test", policy, "--generate", tmp_path / "tests", "--format", "json")
    verdicts = {each["text"]: each["verdict"] for each in answered.json["clauses"]}
    assert (answered.code, verdicts["assertion.secboot"]) == (0, "elsewhere")
    assert ask("owner", "policy", "test", policy, tmp_path / "tests").out.startswith("PASS")
    made = ask("owner", "policy", "test", policy, "--generate", tmp_path / "again")
    assert "another provider admits every token that it alone refuses" in made.out


def test_no_test_at_all_is_no_success(ask: Ask, policy: Path, tmp_path: Path) -> None:
    answered = ask("owner", "policy", "test", policy, tmp_path)
    assert (answered.code, answered.out) == (7, "")
    assert "--generate" in answered.err


def test_to_run_and_to_make_are_two_commands(ask: Ask, policy: Path, tmp_path: Path) -> None:
    answered = ask("owner", "policy", "test", policy, tmp_path, "--generate", tmp_path / "x")
    assert (answered.code, answered.out) == (2, "")


def test_generated_tokens_are_whole(ask: Ask, policy: Path, tmp_path: Path) -> None:
    ask("owner", "policy", "test", policy, "--generate", tmp_path / "tests")
    for path in (tmp_path / "tests").glob("*/*.json"):
        assert json.loads(path.read_text()).keys() >= {"iss", "aud", "swname", "submods"}


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(HARDENED, id="a policy file"),
        pytest.param(provider(PINNED), id="a provider"),
        pytest.param(
            [provider(PINNED), provider(f"{PINNED} && assertion.secboot", name="second")], id="several"
        ),
        pytest.param(PINNED, id="a condition"),
    ],
)
def test_what_is_generated_is_decided_by_explain_as_it_is_by_the_tests(
    ask: Ask, tmp_path: Path, policy: object
) -> None:
    path, folder = written(tmp_path / "p", policy), tmp_path / "tests"
    assert ask("owner", "policy", "test", path, "--generate", folder).code == 0
    explain = ("auditor", "explain", "--policy", path, "--unsafe-unverified", "--token")
    (admitted,) = (folder / "admit").iterdir()
    assert ask(*explain, admitted).code == 0
    codes = {each.name: ask(*explain, each).code for each in (folder / "deny").iterdir()}
    assert set(codes.values()) == {3}
    assert ask("owner", "policy", "test", path, folder).code == 0


def test_a_generated_token_keeps_the_audience_that_a_clause_asks_for(ask: Ask, tmp_path: Path) -> None:
    asked = provider(f'{PINNED} && assertion.aud == "https://sts.googleapis.com"')
    path, folder = written(tmp_path / "p.json", asked), tmp_path / "tests"
    assert ask("owner", "policy", "test", path, "--generate", folder).code == 0
    token = json.loads((folder / "admit" / "production.json").read_text())
    assert token["aud"] == "https://sts.googleapis.com"
