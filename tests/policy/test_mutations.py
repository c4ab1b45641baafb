"""Good policies with one clause left out or weakened: the change is caught, or proved to be none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from policy.attribute_conditions import AttributeConditions, How, Signer, What, Where, Who, render_condition
from policy.cel.condition import compile_condition
from policy.linting import lint
from policy.policy_set import policy_set_of
from policy.proving.differing import diff
from policy.proving.prover import Prover
from policy.schema import ENCRYPTED_MEMORY

TODAY = date(2026, 6, 1)
DIGEST = "sha256:" + "a" * 64
CONTAINER = "assertion.submods.container"
HARDENED = Where(
    swname="CONFIDENTIAL_SPACE",
    support_attribute="STABLE",
    dbgstat="disabled-since-boot",
    hwmodels=ENCRYPTED_MEMORY,
    secboot=True,
    memory_monitoring=False,
)
NO_OVERRIDES = How(cmd_override=(), env_override=())
ACCOUNT = Who(service_accounts=("workload-sa@secundus.iam.gserviceaccount.com",))
GOOD = {
    "by digest": render_condition(
        AttributeConditions(
            what=What(image_digests=(DIGEST,)),
            where=HARDENED,
            who=Who(project_ids=("secundus",), project_numbers=("987654321098",)),
            how=How(args=("python", "-m", "workload"), cmd_override=(), env_override=("INPUT_URI", "TOP_K")),
        )
    ),
    "by reference": render_condition(
        AttributeConditions(
            what=What(image_references=(f"us-docker.pkg.dev/primus/repository/workload@{DIGEST}",)),
            where=HARDENED,
            who=ACCOUNT,
            how=NO_OVERRIDES,
        )
    ),
    "by signature": render_condition(
        AttributeConditions(
            what=What(signers=(Signer(key_id="c" * 64, algorithm="ECDSA_P256_SHA256"),)),
            where=HARDENED,
            who=ACCOUNT,
            how=NO_OVERRIDES,
        )
    ),
    "by hand": (
        f'{CONTAINER}.image_digest == "{DIGEST}"'
        ' && "STABLE" in assertion.submods.confidential_space.support_attributes'
        ' && assertion.hwmodel.matches("^GCP_(AMD_SEV|INTEL_TDX)$")'
        ' && assertion.sub.startsWith("https://www.googleapis.com/compute/v1/projects/secundus/")'
        f" && (!has({CONTAINER}.cmd_override) || {CONTAINER}.cmd_override == null"
        f" || size({CONTAINER}.cmd_override) == 0)"
        f" && (!has({CONTAINER}.env_override) || {CONTAINER}.env_override == null"
        f" || size({CONTAINER}.env_override) == 0)"
        " && assertion.secboot && !assertion.submods.confidential_space.monitoring_enabled.memory"
    ),
}
WEAKENINGS = (
    ('"STABLE" in', '"USABLE" in'),
    ('"STABLE" in', '!("EXPERIMENTAL" in'),
    ('dbgstat == "disabled-since-boot"', 'dbgstat != "enable"'),
    ('swname == "CONFIDENTIAL_SPACE"', 'swname != "GENERIC"'),
    ('hwmodel in ["GCP_AMD_SEV"', 'hwmodel in ["GCP_SHIELDED_VM", "GCP_AMD_SEV"'),
    ("(AMD_SEV|INTEL_TDX)$", "(AMD_SEV|INTEL_TDX)|SHIELDED"),
    (f'image_digest == "{DIGEST}"', 'image_digest.startsWith("sha256:a")'),
    (f'image_digest == "{DIGEST}"', f'image_digest in ["{DIGEST}", "sha256:{"b" * 64}"]'),
    (f"@{DIGEST}", ":latest"),
    ('"ECDSA_P256_SHA256:', '"RSASSA_PSS_SHA256:' + "c" * 64 + '", "ECDSA_P256_SHA256:'),
    ('project_id == "secundus"', 'project_id.startsWith("secundus")'),
    ('project_number == "987654321098"', 'project_number != "1"'),
    ("projects/secundus/", "projects/secundus"),
    ('== ["workload-sa@', '!= ["other-sa@'),
    ("cmd_override) == 0", "cmd_override) <= 1"),
    ("env_override) == 0", "env_override) < 2"),
    ('["INPUT_URI", "TOP_K"]', '["INPUT_URI", "TOP_K", "LD_PRELOAD"]'),
    (".all(name, ", ".exists(name, "),
    ('args == ["python"', 'args != ["sh"'),
    ("secboot == true", "secboot in [true, false]"),
    ("memory == false", "memory in [true, false]"),
)


def mutants() -> Iterator[Any]:
    for policy, condition in GOOD.items():
        for number, clause in enumerate(compile_condition(condition).clauses):
            start, end = clause.node.span
            for what, text in (("left out", "true"), ("made void", f"({clause.text} || true)")):
                mutant = f"{condition[:start]}{text}{condition[end:]}"
                yield pytest.param(condition, mutant, id=f"{policy}: clause {number} {what}")
        for old, new in WEAKENINGS:
            if old in condition:
                tail = ")" if new.endswith('("EXPERIMENTAL" in') else ""
                start = condition.index(old)
                end = condition.index(" &&", start) if tail else start + len(old)
                mutant = f"{condition[:start]}{new}{condition[start + len(old) : end]}{tail}{condition[end:]}"
                yield pytest.param(condition, mutant, id=f"{policy}: {new}")


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


@pytest.mark.parametrize("name", GOOD)
def test_the_policy_is_good_before_it_is_changed(name: str, prover: Prover) -> None:
    assert {each.rule for each in lint(policy_set_of(GOOD[name]), prover, today=TODAY)} <= {
        "signer-without-expiry"
    }


@pytest.mark.parametrize(("condition", "mutant"), [*mutants()])
def test_a_weaker_clause_is_caught_or_proved_to_be_none(condition: str, mutant: str, prover: Prover) -> None:
    difference = diff(condition, mutant, prover)
    assert difference.verdict in ("looser", "incomparable", "equivalent")
    if difference.verdict == "equivalent":
        return
    token = difference.newly_admitted
    assert token is not None
    assert policy_set_of(mutant).admits(token)
    assert not policy_set_of(condition).admits(token)


@pytest.mark.parametrize("name", GOOD)
def test_a_clause_left_out_is_found_without_the_policy_before(name: str, prover: Prover) -> None:
    """Where one clause alone keeps something bad out, the rules say so of the policy without it."""
    condition = GOOD[name]
    for clause in compile_condition(condition).clauses:
        start, end = clause.node.span
        mutant = f"{condition[:start]}true{condition[end:]}"
        rules = {each.rule for each in lint(policy_set_of(mutant), prover, today=TODAY)}
        seen = rules - {"redundant-clause", "signer-without-expiry"}
        if diff(condition, mutant, prover).verdict == "equivalent" or _is_one_of_several(
            clause.text, condition
        ):
            continue
        assert seen, clause.text


def _is_one_of_several(clause: str, condition: str) -> bool:
    """Whether the policy asks for who it is, or for the command line, in another clause as well."""
    command_line = (".args ==", "cmd_override")
    who = tuple(
        each for each in ("project_id", "project_number", "google_service_accounts") if each in condition
    )
    several = [names for names in (who, command_line) if all(each in condition for each in names)]
    return any(len(names) > 1 and any(each in clause for each in names) for names in several)
