"""`symbolon auditor explain`: what a policy says of a token, and how far the token is believed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.attestation.signing import NOW, every_claim, jwk, rsa_key, signed
from tests.symbolon.conftest import Answered, Ask

POOL = "projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
PROVIDER = f"{POOL}/providers/primus-wip-provider"
AUDIENCE = f"https://iam.googleapis.com/{PROVIDER}"
CONDITION = (
    'assertion.dbgstat == "disabled-since-boot" && '
    '"STABLE" in assertion.submods.confidential_space.support_attributes'
)
DIGITS = "a" * 64
POLICY_FILE = f"""
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[where]
dbgstat = "disabled-since-boot"
swname = "CONFIDENTIAL_SPACE"
[what]
image_digests = ["sha256:{DIGITS}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
[how]
cmd_override = ["--verbose"]
env_override = ["TOP_K"]
"""


def provider(**changes: object) -> str:
    """As `gcloud iam workload-identity-pools providers describe --format=json` prints one."""
    document = {
        "name": PROVIDER,
        "state": "ACTIVE",
        "attributeMapping": {"google.subject": "assertion.submods.gce.instance_id"},
        "attributeCondition": CONDITION,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return json.dumps(document | changes)


def claims(**changes: object) -> dict[str, object]:
    return every_claim() | {"aud": AUDIENCE} | changes


def without_record(document: dict[str, Any]) -> dict[str, Any]:
    """What tests/symbolon/reports/test_record.py is not about."""
    return {name: value for name, value in document.items() if name != "record"}


class Case:
    """The files of one call, each with something in it that would be admitted."""

    def __init__(self, folder: Path) -> None:
        self.policy, self.token, self.jwks = folder / "policy", folder / "token", folder / "jwks.json"
        self.policy.write_text(provider())
        self.sign(claims())
        self.jwks.write_text(json.dumps({"keys": [jwk("day", rsa_key("day").public_key())]}))

    def sign(self, signed_claims: Mapping[str, object], *, key: str = "day") -> None:
        header = {"alg": "RS256", "kid": "day", "typ": "JWT"}
        self.token.write_text(signed(header, signed_claims, rsa_key(key)) + "\n")

    def verified(self, at: str = str(NOW + 60)) -> tuple[str, ...]:
        files = ("--policy", str(self.policy), "--token", str(self.token))
        return ("auditor", "explain", *files, "--jwks", str(self.jwks), "--at", at)

    def unverified(self) -> tuple[str, ...]:
        return (
            "auditor",
            "explain",
            "--policy",
            str(self.policy),
            "--token",
            str(self.token),
            "--unsafe-unverified",
        )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


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


def test_what_a_token_says_cannot_talk_to_the_terminal(ask: Ask, case: Case) -> None:
    case.sign(claims(dbgstat="\x1b[2J\u202eenabled[bold]"))
    answered = ask(*case.verified())
    assert answered.code == 3
    assert "\x1b" not in answered.out
    assert "\u202e" not in answered.out
    assert "enabled[bold]" in answered.out


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


OTHER = f"{POOL}/providers/another-provider"


def listed(*changes: dict[str, object]) -> str:
    """As `gcloud iam workload-identity-pools providers list --format=json` prints them."""
    return json.dumps([json.loads(provider(**each)) for each in changes])


def planned(*changes: dict[str, object]) -> str:
    """As `terraform show -json` prints the plan of such providers."""
    resources: list[dict[str, object]] = []
    for each in changes:
        document = json.loads(provider(**each))
        values = {
            "name": document["name"],
            "attribute_mapping": document["attributeMapping"],
            "attribute_condition": document["attributeCondition"],
            "oidc": [{"issuer_uri": document["oidc"]["issuerUri"]}],
        }
        resources.append(
            {
                "address": f"google_iam_workload_identity_pool_provider.p{len(resources)}",
                "mode": "managed",
                "type": "google_iam_workload_identity_pool_provider",
                "values": values,
            }
        )
    return json.dumps({"planned_values": {"root_module": {"resources": resources}}})


@pytest.mark.parametrize("written", [listed, planned], ids=["a list", "a plan"])
def test_one_provider_in_a_list_or_a_plan_is_answered_as_it_is_alone(
    ask: Ask, case: Case, written: Callable[..., str]
) -> None:
    case.sign(claims(dbgstat="enabled"))
    alone = ask(*case.verified(), "--format", "json")
    case.policy.write_text(written({}))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, without_record(answered.json)) == (alone.code, without_record(alone.json))


@pytest.mark.parametrize("written", [listed, planned], ids=["a list", "a plan"])
def test_one_of_several_providers_is_enough_and_each_says_what_it_says(
    ask: Ask, case: Case, written: Callable[..., str]
) -> None:
    loose = {"name": OTHER, "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'"}
    case.policy.write_text(written({}, loose))
    both = [AUDIENCE, f"https://iam.googleapis.com/{OTHER}"]
    case.sign(claims(dbgstat="enabled", aud=both))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["decision"]) == (0, "admit")
    first, second = answered.json["providers"]
    assert (first["provider"], first["decision"]) == (PROVIDER, "deny")
    assert [clause["outcome"] for clause in first["clauses"]] == ["false", "true"]
    assert (second["provider"], second["decision"]) == (OTHER, "admit")
    human = ask(*case.verified())
    assert human.out.startswith("ADMIT  1 of 2 providers admits it\n")
    assert f"DENY  {PROVIDER}: 1 of 2 clauses does not hold\n" in human.out
    assert f"ADMIT  {OTHER}: all 1 clauses hold\n" in human.out


def test_a_provider_that_does_not_take_the_token_is_told_from_one_that_denies_it(
    ask: Ask, case: Case
) -> None:
    case.policy.write_text(listed({}, {"name": OTHER}))
    case.sign(claims(dbgstat="enabled"))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["decision"]) == (3, "deny")
    first, second = answered.json["providers"]
    assert "rejected" not in first
    assert (second["decision"], second["rejected"]["code"]) == ("deny", "wrong-audience")
    human = ask(*case.verified())
    assert human.out.startswith("DENY  none of 2 providers admits it\n")
    assert f"REJECTED  {OTHER}\n" in human.out


def test_a_token_that_no_provider_takes_is_rejected_with_what_each_would_take(ask: Ask, case: Case) -> None:
    case.policy.write_text(listed({}, {"name": OTHER}))
    case.sign(claims(aud="https://elsewhere.example"))
    answered = ask(*case.verified(), "--format", "json")
    assert (answered.code, answered.json["error"]["code"]) == (4, "wrong-audience")
    assert AUDIENCE in answered.json["error"]["hint"]
    assert OTHER in answered.json["error"]["hint"]


UNREAD = 'assertion.sub.matches("\\\\p{Gr" + "eek}|.")'
"""A pattern that Google's RE2 reads, and this project does not."""


def test_what_is_not_known_of_googles_evaluation_is_no_answer(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(attributeCondition=f"{CONDITION} && {UNREAD}"))
    answered = ask(*case.verified())
    assert (answered.code, answered.err) == (6, "")
    assert answered.out.startswith("UNKNOWN  not known whether Google admits it: `sub` is ")
    assert "scripts are not supported" in answered.out
    document = json.loads(ask(*case.verified(), "--format", "json").out)
    assert document["decision"] == "unknown" and "scripts are not supported" in document["unknown"]
    assert [each["outcome"] for each in document["clauses"]] == ["true", "true", "unknown"]


def test_a_clause_that_refuses_is_an_answer_whatever_is_not_known(ask: Ask, case: Case) -> None:
    case.policy.write_text(provider(attributeCondition=f"{CONDITION} && {UNREAD}"))
    case.sign(claims(dbgstat="enabled"))
    answered = ask(*case.verified())
    assert answered.code == 3 and answered.out.startswith("DENY")


def test_of_several_providers_one_that_is_not_known_is_no_denial(ask: Ask, case: Case) -> None:
    providers = [json.loads(provider(attributeCondition=each)) for each in ("false", UNREAD)]
    case.policy.write_text(json.dumps(providers))
    answered = ask(*case.verified())
    assert answered.code == 6 and answered.out.startswith("UNKNOWN  none of 2 providers admits it")


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
