"""`symbolon auditor explain`: what a policy says of a token."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.symbolon.auditor.explaining import CONDITION, POLICY_FILE, Case, claims, provider
from tests.symbolon.conftest import Ask


def test_a_token_that_the_condition_admits_is_admitted(ask: Ask, case: Case) -> None:
    answered = ask(*case.verified())
    assert (answered.code, answered.err) == (0, "")
    assert answered.out.startswith("ADMIT")
    assert "verified by a key of the key set, for 2027-01-15T08:01:00Z\n" in answered.out
    assert answered.out.count("pass  ✓") == 2


def test_a_denial_says_what_was_found_what_was_expected_and_what_would_admit(ask: Ask, case: Case) -> None:
    case.sign(claims(dbgstat="enabled"))
    answered = ask(*case.verified())
    assert (answered.code, answered.err) == (3, "")
    assert answered.out.startswith("DENY  1 of 2 clauses does not hold\n")
    assert 'FAIL  ✗  assertion.dbgstat == "disabled-since-boot"\n' in answered.out
    assert '`dbgstat` is "enabled", must be "disabled-since-boot"\n' in answered.out
    assert "fix: operator: launch a production image" in answered.out


def test_json_has_exactly_the_promised_shape(ask: Ask, case: Case) -> None:
    case.sign(claims(dbgstat="enabled"))
    document = ask(*case.verified(), "--format", "json").json
    assert document.keys() == {"decision", "clauses", "record"}
    assert document["decision"] == "deny"
    first, second = document["clauses"]
    text = 'assertion.dbgstat == "disabled-since-boot"'
    assert first.keys() == {"text", "span", "outcome", "claims", "reason", "fix"}
    assert (first["text"], first["span"]) == (text, [0, len(text)])
    assert (first["outcome"], first["claims"]) == ("false", {"dbgstat": "enabled"})
    assert (second["outcome"], second["fix"]) == ("true", "")
    assert CONDITION[slice(*second["span"])] == second["text"]


def test_a_claim_that_is_not_there_is_an_error_and_a_denial(ask: Ask, case: Case) -> None:
    case.sign(claims(submods={"confidential_space": {}, "gce": {"instance_id": "1"}}))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["decision"]) == (3, "deny")
    assert [clause["outcome"] for clause in answered.json["clauses"]] == ["true", "error"]


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        pytest.param(provider(), "p.json", id="a provider"),
        pytest.param(provider(), "p", id="a provider under any name"),
        pytest.param(POLICY_FILE, "p.toml", id="a policy file"),
        pytest.param(POLICY_FILE, "p", id="a policy file under any name"),
        pytest.param(CONDITION, "p.cel", id="a condition"),
        pytest.param(f"  {CONDITION}\n", "p", id="a condition under any name"),
    ],
)
def test_each_kind_of_policy_is_known_by_what_it_says(ask: Ask, case: Case, policy: str, name: str) -> None:
    case.policy = case.policy.with_name(name)
    case.policy.write_text(policy)
    assert ask(*case.verified()).code == 0
    case.sign(claims(dbgstat="enabled"))
    assert ask(*case.verified()).code == 3


def test_a_condition_alone_names_no_audience_and_the_answer_says_so(ask: Ask, case: Case) -> None:
    case.policy.write_text(CONDITION)
    case.sign(claims(aud="anybody"))
    answered = ask(*case.verified())
    assert answered.code == 0
    assert "its audience was NOT checked" in answered.out


def test_the_mapping_comes_before_the_condition(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(attributeMapping={"google.subject": "assertion.no_such_claim"}))
    answered = ask(*case.verified(), "--format", "json")
    assert answered.code == 3
    (clause,) = answered.json["clauses"]
    assert (clause["text"], clause["outcome"]) == ("attributeMapping", "error")
    assert "google.subject" in clause["reason"]


def test_the_condition_sees_mapped_attributes(ask: Ask, case: Case) -> None:
    mapping = {"google.subject": "assertion.sub", "attribute.zone": "assertion.submods.gce.zone"}
    case.policy.write_text(
        provider(attributeMapping=mapping, attributeCondition='attribute.zone == "us-west1-b"')
    )
    assert ask(*case.verified()).code == 0


def test_a_disabled_provider_admits_nobody(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(disabled=True))
    answered = ask(*case.verified())
    assert answered.code == 3
    assert "the provider is disabled" in answered.out


def test_standard_input_is_read_once(ask: Ask, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(case.token.read_bytes())))
    case.token = Path("-")
    assert ask(*case.verified()).code == 0
    case.policy = Path("-")
    answered = ask(*case.verified())
    assert answered.code == 2
    assert "named twice" in answered.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--at", "yesterday"), "`yesterday` is not a time"), (("--audience", ""), "`--audience` names nobody")],
)
def test_what_is_typed_wrong_is_wrong_usage(ask: Ask, case: Case, words: tuple[str, ...], said: str) -> None:
    answered = ask(*case.verified(), *words)
    assert (answered.code, answered.out) == (2, "")
    assert said in answered.err


def test_what_a_policy_says_cannot_talk_to_the_terminal(ask: Ask, case: Case) -> None:
    case.policy.write_text('assertion.dbgstat == "\x1b[2J\u202e"')
    answered = ask(*case.verified())
    assert answered.code == 3
    assert "\x1b" not in answered.out
    assert "\u202e" not in answered.out


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        pytest.param("assertion.x ==", "error: ", id="a condition cut short"),
        pytest.param("{", "not JSON", id="a provider cut short"),
        pytest.param("[where]\nswnam = 1\n", "unknown key", id="a misspelt policy"),
        pytest.param("x = " + "[" * 3_000, "error: line 1", id="a condition that no toml parser survives"),
    ],
)
def test_a_policy_that_cannot_be_read_is_misconfigured(
    ask: Ask, case: Case, policy: str, message: str
) -> None:
    case.policy.write_text(policy)
    answered = ask(*case.verified())
    assert (answered.code, answered.out) == (7, "")
    assert message in answered.err


def test_an_empty_condition_is_no_policy(ask: Ask, case: Case, tmp_path: Path) -> None:
    case.policy = tmp_path / "p.cel"
    case.policy.write_text("\n")
    answered = ask(*case.verified())
    assert (answered.code, answered.out) == (7, "")
    assert "is empty" in answered.err


def test_a_provider_without_condition_admits_and_the_answer_says_why(ask: Ask, case: Case) -> None:
    document = json.loads(case.policy.read_text())
    del document["attributeCondition"]
    case.policy.write_text(json.dumps(document))
    answered = ask(*case.verified())
    assert answered.code == 0
    assert answered.out.startswith("ADMIT  it has no condition\n")
