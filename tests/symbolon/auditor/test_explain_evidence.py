"""`symbolon auditor explain`: how far the token, the claims or the error that it is handed are believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attestation.signing import NOW
from tests.symbolon.auditor.explaining import CONDITION, Case, claims, provider
from tests.symbolon.conftest import Answered, Ask


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"aud": "https://sts.googleapis.com"}, "wrong-audience", id="another audience"),
        pytest.param({"iss": "https://accounts.google.com"}, "wrong-issuer", id="another issuer"),
        pytest.param({"exp": NOW - 1, "iat": NOW - 3600, "nbf": NOW - 3600}, "token-expired", id="expired"),
    ],
)
def test_a_token_that_is_rejected_itself_is_no_denial(
    ask: Ask, case: Case, change: dict[str, Any], code: str
) -> None:
    case.sign(claims(**change))
    answered = ask(*case.verified("2027-01-15T08:01:00Z"), "--format", "json")
    assert (answered.code, answered.json["error"]["code"]) == (4, code)


def test_a_token_of_another_key_is_rejected_and_not_shown(ask: Ask, case: Case) -> None:
    case.sign(claims(), key="another day")
    answered = ask(*case.verified())
    assert (answered.code, answered.out) == (4, "")
    assert case.token.read_text()[:40] not in answered.err


@pytest.mark.parametrize(
    "policy", [pytest.param(provider(), id="a provider"), pytest.param(CONDITION, id="a condition")]
)
def test_claims_as_json_are_answered_where_nothing_is_to_be_verified(
    ask: Ask, case: Case, policy: str
) -> None:
    case.policy.write_text(policy)
    case.token.write_text(json.dumps(claims()))
    answered = ask(*case.unverified())
    assert answered.code == 0
    assert "NOT verified, as asked" in answered.out


def test_claims_as_json_are_not_verified_by_any_key(ask: Ask, case: Case) -> None:
    case.token.write_text(json.dumps(claims()))
    answered = ask(*case.verified())
    assert answered.code == 7
    assert "nobody signed" in answered.err
    assert "--unsafe-unverified" in answered.err


def test_a_token_may_go_unverified_but_never_to_another_provider(ask: Ask, case: Case) -> None:
    assert ask(*case.unverified()).code == 0
    case.sign(claims(aud=["x", "y"]))
    assert "wrong-audience" in ask(*case.unverified(), "--format", "json").out
    case.sign(claims(iss="x"))
    assert "wrong-issuer" in ask(*case.unverified(), "--format", "json").out


def test_one_of_several_audiences_is_enough(ask: Ask, case: Case) -> None:
    case.sign(claims(aud=["https://sts.googleapis.com", claims()["aud"]]))
    assert ask(*case.verified()).code == 0
    assert ask(*case.unverified()).code == 0


def test_what_a_token_says_cannot_talk_to_the_terminal(ask: Ask, case: Case) -> None:
    case.sign(claims(dbgstat="\x1b[2J\u202eenabled[bold]"))
    answered = ask(*case.verified())
    assert answered.code == 3
    assert "\x1b" not in answered.out
    assert "\u202e" not in answered.out
    assert "enabled[bold]" in answered.out


def test_a_root_that_is_no_certificate_is_misconfigured(ask: Ask, case: Case, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("hello")
    answered = ask(*case.unverified()[:-1], "--root", tmp_path / "root.pem")
    assert answered.code == 7
    assert "not a certificate in PEM" in answered.err


def test_a_key_set_that_is_none_is_misconfigured_and_no_verdict_on_the_token(ask: Ask, case: Case) -> None:
    case.jwks.write_text(json.dumps({"jwks": json.loads(case.jwks.read_text())}))
    answered = ask(*case.verified())
    assert (answered.code, answered.out) == (7, "")
    assert "no list `keys`" in answered.err
    assert "jwks_uri" in answered.err


def test_who_accepts_a_token_is_said_beside_whom_it_was_made_for(ask: Ask, case: Case) -> None:
    accepted = str(claims()["aud"])
    case.sign(claims(aud="https://elsewhere.example"))
    for command in (case.verified(), case.unverified()):
        answered = ask(*command)
        assert answered.code == 4
        assert "https://elsewhere.example" in answered.err.splitlines()[0]
        assert str(accepted) in answered.err.splitlines()[1]


def explain_real(ask: Ask, policy: Path, token: Path, *believe: str | Path) -> Answered:
    return ask("auditor", "explain", "--policy", policy, "--token", token, *believe, "--format", "json")


def test_a_real_production_token_is_verified_by_google_s_root_at_its_own_time(
    ask: Ask, case: Case, vectors: Path
) -> None:
    tokens = vectors / "tokens"
    case.policy.write_text(CONDITION)
    token, root = tokens / "google-tdx-production.jwt", tokens / "google-confidential-space-root.pem"
    at = "2025-09-05T08:30:00Z"
    assert explain_real(ask, case.policy, token, "--root", root, "--at", at).json["decision"] == "admit"
    late = explain_real(ask, case.policy, token, "--root", root)
    assert (late.code, late.json["error"]["code"]) == (4, "certificate-expired")


def test_a_real_debug_token_is_denied_for_both_of_its_marks(ask: Ask, case: Case, vectors: Path) -> None:
    real = json.loads((vectors / "tokens" / "google-sev-debug-with-jwks.json").read_text())
    case.jwks.write_text(json.dumps(real["jwks"]))
    case.policy.write_text(CONDITION)
    for token in real["tokens"].values():
        case.token.write_text(token)
        at = str(real["captured_at"])
        answered = explain_real(ask, case.policy, case.token, "--jwks", case.jwks, "--at", at)
        assert answered.code == 3
        assert [clause["outcome"] for clause in answered.json["clauses"]] == ["false", "error"]
        assert answered.json["clauses"][0]["claims"] == {"dbgstat": "enabled"}


def _error(**more: object) -> str:
    return json.dumps({"format": 1, "family": "denied", "message": "no", "hint": "ask", **more})


def test_the_claims_in_a_job_s_error_are_explained(ask: Ask, case: Case) -> None:
    case.token.write_text(_error(claims=claims(dbgstat="enabled")))
    answered = ask(*case.unverified(), "--format", "json")
    assert answered.code == 3
    failing = [clause["text"] for clause in answered.json["clauses"] if clause["outcome"] != "true"]
    assert failing == ['assertion.dbgstat == "disabled-since-boot"']


def test_an_error_without_claims_says_what_the_job_ended_with(ask: Ask, case: Case) -> None:
    case.token.write_text(_error())
    answered = ask(*case.unverified())
    assert (answered.code, answered.err) == (
        7,
        "error: this `error.json` holds no claims: the job did not end because a token was refused\n"
        "hint: it ended as `denied`: no\n",
    )


def test_an_error_is_nothing_that_could_be_verified(ask: Ask, case: Case) -> None:
    case.token.write_text(_error(claims=claims()))
    answered = ask(*case.verified())
    assert (answered.code, "which nobody signed" in answered.err) == (7, True)
