"""A review says what is admitted, what each clause keeps out, and what that takes for granted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from attestation.issuer import ISSUER
from policy.admitting import Admits
from policy.explaining import explain
from policy.linting import BUDGET_S
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.prover import Prover
from policy.reviewing import Review, review

TODAY = date(2026, 6, 1)
DIGEST = "sha256:" + "a" * 64
HARDENED = f"""
[provider]
project_number = "1"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["{DIGEST}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
project_ids = ["secundus"]
[how]
env_override = ["INPUT_URI"]
"""
PINNED = f'assertion.submods.container.image_digest == "{DIGEST}"'


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


@pytest.fixture(scope="module")
def hardened(prover: Prover) -> Review:
    return review(parse_policy_set(HARDENED, name="policy.toml"), prover, today=TODAY)


def of(condition: str, prover: Prover | None) -> Review:
    return review(policy_set_of(condition), prover, today=TODAY)


def test_a_hardened_policy_in_one_line(hardened: Review) -> None:
    assert hardened.verdict == "admits somebody; no findings"


def test_what_is_admitted_is_a_table(hardened: Review) -> None:
    (table,) = hardened.document()["admits"].values()  # type: ignore[attr-defined]
    assert table == {
        "what": {
            "submods.container.image_digest": [DIGEST],
            "submods.container.image_reference": "anything",
        },
        "where": {
            "submods.confidential_space.support_attributes": {
                "at_least": ["STABLE", "USABLE"],
                "bounded": False,
            },
            "swname": ["CONFIDENTIAL_SPACE"],
            "dbgstat": ["disabled-since-boot"],
            "hwmodel": ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"],
            "secboot": [True],
            "submods.confidential_space.monitoring_enabled.memory": [False],
        },
        "who": {
            "submods.gce.project_id": ["secundus"],
            "submods.gce.project_number": "anything",
            "google_service_accounts": ["workload-sa@secundus.iam.gserviceaccount.com"],
        },
        "how": {
            "submods.container.cmd_override": [],
            "submods.container.env_override": ["INPUT_URI"],
        },
    }


def test_each_clause_refuses_a_token_that_no_other_refuses(hardened: Review) -> None:
    (provider,) = hardened.providers
    kept_out = [each for each in provider.clauses if each.keeps_out == "keeps-out"]
    assert len(kept_out) == 9
    for each in kept_out:
        assert each.token is not None
        failing = [
            clause.text
            for clause in explain(provider.condition, assertion=each.token).clauses
            if clause.outcome != "true"
        ]
        assert failing == [each.text]


def test_what_only_a_guarantee_makes_redundant_names_it(hardened: Review) -> None:
    (provider,) = hardened.providers
    (debugging,) = [each for each in provider.clauses if "dbgstat" in each.text]
    assert debugging.keeps_out == "nothing"
    assert (
        debugging.note
        == "the other clauses refuse all that it does, since a debug image has no support attribute"
    )
    assert set(debugging.assumptions) <= set(hardened.assumptions)


def test_the_example_is_admitted(hardened: Review, prover: Prover) -> None:
    (provider,) = hardened.providers
    assert provider.example is not None
    assert parse_policy_set(HARDENED, name="policy.toml").admits(provider.example)


def test_several_digests_are_listed_and_the_impossible_one_is_not(prover: Prover) -> None:
    others = [f"sha256:{each * 64}" for each in "bc"]
    condition = f"assertion.submods.container.image_digest in {json.dumps(others)}"
    for text, expected in (
        (condition, others),
        (f'{condition} && assertion.submods.container.image_digest != "{others[0]}"', others[1:]),
    ):
        (provider,) = of(text, prover).providers
        (row,) = [each for each in provider.admits if each.title == "image digest"]
        assert row.values == tuple(expected)


@pytest.mark.parametrize(
    ("condition", "always"),
    [
        pytest.param('"a@x.example" in L', ("a@x.example",), id="one that is required"),
        pytest.param('L.exists(a, a == "a@x.example")', ("a@x.example",), id="one that must exist"),
        pytest.param('"a@x.example" in L || "b@x.example" in L', None, id="one of two"),
        pytest.param('!("a@x.example" in L)', None, id="one that is forbidden"),
    ],
)
def test_accounts_that_every_admitted_token_has_are_what_it_has_at_least(
    condition: str, always: tuple[str, ...] | None, prover: Prover
) -> None:
    reviewed = of(condition.replace("L", "assertion.google_service_accounts"), prover)
    (row,) = [each for each in reviewed.providers[0].admits if each.claim == "google_service_accounts"]
    assert (row.values, row.at_least) == (None, always)
    assert row.title == ("service accounts, at least" if always else "service accounts")
    assert row.note == ("" if always else "anything")


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        (PINNED, "admits somebody; findings: 1 critical, 4 high, 2 medium and 1 low"),
        ("assertion.secboot && !assertion.secboot", "admits nobody; findings: 1 critical"),
        ("assertion.", "Google would refuse this condition; findings: 1 high"),
    ],
)
def test_the_verdict_counts_the_findings(condition: str, verdict: str, prover: Prover) -> None:
    assert of(condition, prover).verdict == verdict


def test_without_a_prover_nothing_is_decided_and_nothing_passes() -> None:
    result = of(PINNED, None)
    assert result.verdict.startswith("what it admits is not decided; no findings, ")
    assert {each.keeps_out for each in result.providers[0].clauses} == {"undecided"}


@pytest.mark.parametrize("looks", range(1, 12))
def test_what_no_longer_fits_the_budget_is_not_decided(looks: int, hardened: Review, prover: Prover) -> None:
    """Rules and table share one budget; by this clock each question takes its part of it."""
    ticks = itertools.count(0.0, BUDGET_S / looks)
    policies = parse_policy_set(HARDENED, name="policy.toml")
    result = review(policies, prover, today=TODAY, clock=lambda: next(ticks))
    for mine, whole in zip(result.providers[0].clauses, hardened.providers[0].clauses, strict=True):
        spent = (mine.keeps_out, mine.note) == ("undecided", "budget spent (10 s for the whole policy)")
        assert spent or mine.keeps_out == whole.keeps_out
    for row in result.providers[0].admits:
        (other,) = [each for each in hardened.providers[0].admits if each.claim == row.claim]
        assert row == other or (row.values, row.note) == (None, "budget spent (10 s for the whole policy)")
    assert result.verdict == hardened.verdict or result.verdict.endswith(" not decided")


def test_providers_are_reviewed_one_by_one(prover: Prover) -> None:
    pool = "projects/1/locations/global/workloadIdentityPools/primus/providers"
    provider: dict[str, Any] = {
        "attributeMapping": dict(RECOMMENDED_MAPPING),
        "attributeCondition": PINNED,
        "oidc": {"issuerUri": ISSUER},
    }
    listed = [{**provider, "name": f"{pool}/{name}"} for name in ("one-provider", "other-provider")]
    policies: PolicySet = parse_policy_set(json.dumps(listed), name="providers.json")
    result = review(policies, prover, today=TODAY)
    assert [each.name for each in result.providers] == [each["name"] for each in listed]
    assert result.verdict.startswith("admits somebody, through 2 providers; findings: ")
    disabled = json.dumps([{**each, "disabled": True} for each in listed])
    nobody = review(parse_policy_set(disabled, name="providers.json"), prover, today=TODAY)
    assert nobody.verdict == "admits nobody: every provider is disabled; no findings"


def test_a_review_is_json(hardened: Review) -> None:
    document = json.loads(json.dumps(hardened.document()))
    assert set(document) == {
        "summary",
        "findings",
        "admits",
        "undocumented",
        "clauses",
        "assumptions",
        "other_issuers",
    }


def test_of_another_issuer_a_review_says_who_it_is_and_what_is_asked(prover: Prover) -> None:
    provider = {
        "name": "projects/1/locations/global/workloadIdentityPools/primus/providers/github",
        "attributeMapping": {
            "google.subject": "assertion.sub",
            "attribute.repository": "assertion.repository",
        },
        "attributeCondition": "assertion.repository_owner == 'octo-org'"
        " && attribute.repository.startsWith('octo-org/') && (assertion.ref == 'a' || assertion.ref == 'b')",
        "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
    }
    reviewed = review(parse_policy_set(json.dumps(provider), name="gh.json"), prover, today=TODAY)
    assert reviewed.verdict == (
        "admits tokens of GitHub Actions (`https://token.actions.githubusercontent.com`) by the condition"
        " alone; findings: 1 high"
    )
    (one,) = reviewed.providers
    assert (one.admits, one.clauses, one.example, reviewed.assumptions) == ((), (), None, ())
    assert one.asks == (
        '`repository_owner` must be "octo-org"',
        '`attribute.repository` must start with "octo-org/"',
        "`assertion.ref == 'a' || assertion.ref == 'b'`",
    )
    assert reviewed.document()["other_issuers"] == {
        one.name: {
            "issuer": "GitHub Actions (`https://token.actions.githubusercontent.com`)",
            "asks": list(one.asks),
        }
    }


JOINED = "(assertion.google_service_accounts + assertion.submods.confidential_space.support_attributes)"
WITHIN_BOUNDS = (
    f"assertion.submods.gce.project_id in ['a', 'b'] && !{JOINED}.exists(x, !(x in ['w', 'STABLE']))"
    f" && (assertion.submods.gce.project_id == 'a' || !{JOINED}.all(x, x != 'v'))"
)
"""That no admitted token is of project `b` is proved of short lists alone."""


def test_a_row_that_rests_on_a_bound_is_not_decided_unless_bounds_are_accepted(prover: Prover) -> None:
    (row,) = [each for each in rows(WITHIN_BOUNDS, prover) if each.claim == "submods.gce.project_id"]
    assert row.values is None
    assert "has at most" in row.note


def test_a_row_that_rests_on_a_bound_says_so() -> None:
    with Prover(accept_bounds=True) as accepting:
        found = {each.claim: each for each in rows(WITHIN_BOUNDS, accepting)}
        document = of(WITHIN_BOUNDS, accepting).document()
    project = found["submods.gce.project_id"]
    assert (project.values, project.bounded) == (("a",), True)
    (table,) = document["admits"].values()  # type: ignore[attr-defined]
    assert table["who"]["submods.gce.project_id"] == {"values": ["a"], "bounded": True}
    assert any("has at most" in each for each in document["assumptions"])  # type: ignore[attr-defined]


def rows(condition: str, prover: Prover) -> tuple[Admits, ...]:
    """The table of a policy of one provider."""
    (provider,) = of(condition, prover).providers
    return provider.admits


@pytest.mark.parametrize(
    ("condition", "undocumented"),
    [
        pytest.param("true", ["swname", "dbgstat", "hwmodel"], id="nothing is asked"),
        pytest.param(
            "assertion.swname == 'CONFIDENTIAL_SPACE' && assertion.dbgstat != 'enabled'",
            ["dbgstat", "hwmodel"],
            id="a value is refused",
        ),
        pytest.param(
            "assertion.swname == 'GCE' && assertion.dbgstat == 'disabled-since-boot'"
            " && assertion.hwmodel in ['GCP_AMD_SEV', 'GCP_INTEL_TDX']",
            [],
            id="each is named",
        ),
        pytest.param(
            "assertion.swname == 'GCE' && assertion.dbgstat == 'disabled-since-boot'"
            " && (assertion.hwmodel == 'GCP_AMD_SEV' || assertion.hwmodel.startsWith('GCP_ARM'))",
            ["hwmodel"],
            id="by a prefix of no documented value",
        ),
    ],
)
def test_a_claim_that_can_be_what_no_document_names_is_said_to_be(
    prover: Prover, condition: str, undocumented: list[str]
) -> None:
    assert [each.claim for each in rows(condition, prover) if each.undocumented] == undocumented
    assert of(condition, prover).document()["undocumented"] == {"condition": undocumented}
