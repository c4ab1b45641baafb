"""The attack refutes what a solver with a small picture of tokens would have called proved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policy.policy_set import policy_set_of
from policy.proving.answers import Unsatisfiable
from policy.proving.attacking import Attack, absence_of, no_more_than, proof_of
from policy.proving.smt.admission import admissions_of
from policy.proving.smt.questions import Case, Question
from policy.proving.smt.solving import Disagreement
from policy.proving.smt.tokens import SAMPLE

ACCOUNTS = "assertion.google_service_accounts"
ENV = "assertion.submods.container.env"


GCE = {
    "zone": "us-west1-b",
    "project_id": "secundus",
    "project_number": "123456789012",
    "instance_name": "vm",
    "instance_id": "1",
}


def submods() -> dict[str, Any]:
    return dict(SAMPLE["submods"])  # type: ignore[call-overload, no-any-return]


def test_what_an_attack_shows_has_nothing_that_it_need_not_have() -> None:
    found = attacked(question("assertion.secboot", 'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_INTEL_TDX"]'))
    assert found is not None
    assert [name for name in SAMPLE if found.assertion[name] != SAMPLE[name]] == ["hwmodel"]


def question(condition: str, that: str) -> Question:
    """As the prover would ask whether `that` is not true of an admitted token, but never of a solver."""
    (admission,) = admissions_of(policy_set_of(condition))
    (also,) = admissions_of(policy_set_of(that))

    def formula(_: object) -> int:
        raise AssertionError("no solver is asked here")

    def holds(case: Case) -> bool:
        return admission.admits(case) and also.refuses(case)

    return Question(formula=formula, holds=holds, trees=(*admission.trees, *also.trees), assume_facts=False)


def attacked(asked: Question, *, peer: Any = None, count: int = 300) -> Case | None:
    return Attack(count=count)(replace(asked, peer=peer), Unsatisfiable(), documented=False)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        pytest.param(f'!("evil@x" in {ACCOUNTS})', f"size({ACCOUNTS}) <= 12", id="a long list"),
        pytest.param(
            " && ".join(f'{ACCOUNTS}[{place}] != "evil@x"' for place in range(6)),
            f'!("evil@x" in {ACCOUNTS})',
            id="the last of many accounts",
        ),
        pytest.param(f"has({ENV})", f"size({ENV}) <= 9", id="many variables"),
        pytest.param(
            'assertion.hwmodel != "GCP_AMD_SEV"',
            'assertion.hwmodel in ["GCP_AMD_SEV_ES", "GCP_INTEL_TDX", "GCP_SHIELDED_VM"]',
            id="an undocumented value",
        ),
        pytest.param(
            "assertion.iat == 9007199254740992.0", "assertion.iat == 9007199254740992", id="beyond 2^53"
        ),
        pytest.param(
            'assertion.submods.gce.zone > "z"',
            'assertion.submods.gce.zone < "\\U00010000"',
            id="a character beyond the planes",
        ),
    ],
)
def test_what_a_small_picture_proves_is_refuted(condition: str, that: str) -> None:
    refuted = attacked(question(condition, that), peer=proof_of(condition, that), count=1_000)
    assert refuted is not None
    assert question(condition, that).holds(refuted)


def test_what_is_true_survives() -> None:
    condition = 'assertion.dbgstat == "disabled-since-boot"'
    attack = Attack(count=300)
    asked = replace(question(condition, condition), peer=proof_of(condition, condition))
    assert attack(asked, Unsatisfiable(), documented=False) is None
    assert attack.described == "attacked with 300 tokens by our own evaluator and Google's runtime"


def test_one_reader_is_enough_to_refute() -> None:
    condition, that = "assertion.secboot", "assertion.secboot"
    blind = replace(question(condition, that), holds=lambda _: False)
    lie = proof_of(condition, "assertion.secboot == false")
    with pytest.raises(Disagreement, match="Google's runtime admits"):
        attacked(blind, peer=lie)
    assert attacked(blind) is None


def test_a_token_that_the_issuer_could_not_sign_refutes_nothing_where_that_is_assumed() -> None:
    asked = question("true", "type(assertion.secboot) == bool")
    assert attacked(asked, count=1_000) is not None
    assert attacked(replace(asked, assume_facts=True), count=1_000) is None


def test_without_a_second_reader_the_answer_says_so() -> None:
    condition = 'assertion.sub.extract("projects/{p}/") == "x"'
    attack = Attack(count=20)
    asked = replace(question(condition, condition), peer=proof_of(condition, condition))
    attack(asked, Unsatisfiable(), documented=False)
    assert attack.described.startswith("attacked with 20 tokens by our own evaluator alone: ")


def test_differences_and_absences_are_read_by_googles_runtime_as_well() -> None:
    blind = replace(question("true", "true"), holds=lambda _: False)
    with pytest.raises(Disagreement):
        attacked(blind, peer=no_more_than("assertion.secboot", "true"))
    assert attacked(blind, peer=no_more_than("true", "assertion.secboot")) is None
    with pytest.raises(Disagreement):
        attacked(blind, peer=absence_of("true", "false", "assertion.secboot == false"))
    assert attacked(blind, peer=absence_of("true", "false")) is None


def test_a_token_of_which_the_proof_does_not_speak_refutes_nothing() -> None:
    long = question("true", f"size({ACCOUNTS}) <= 6")
    assert attacked(long) is not None
    assert Attack()(long, Unsatisfiable(bounded=True), documented=False) is None
    documented = '["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX", "GCP_SHIELDED_VM"]'
    new = replace(question("true", f"assertion.hwmodel in {documented}"), assume_facts=True)
    assert attacked(new, count=2_000) is not None
    assert Attack(count=2_000)(new, Unsatisfiable(), documented=True) is None


def test_no_tokens_are_no_attack() -> None:
    attack = Attack(count=0)
    assert attack(question("true", "false"), Unsatisfiable(), documented=False) is None
    assert attack.described == "not attacked"


def test_an_attack_begins_near_a_token_that_is_admitted() -> None:
    pinned = 'assertion.submods.gce.zone == "us-west1-b" && assertion.submods.gce.project_id == "secundus"'
    seen: list[bool] = []

    def holds(case: Case) -> bool:
        seen.append(policy_set_of(pinned).admits(case.assertion))
        return False

    asked = replace(question(pinned, pinned), holds=holds)
    attacked(asked)
    assert sum(seen) == 0
    seen.clear()
    admitted = dict(SAMPLE) | {"submods": {**submods(), "gce": GCE}}
    attacked(replace(asked, example=lambda: admitted))
    assert sum(seen) > 30


def test_who_has_attacked_nothing_says_so() -> None:
    assert Attack(count=300).described == "not attacked: nothing was proved"
