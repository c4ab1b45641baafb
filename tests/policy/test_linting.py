"""The catalogue of rules, and how they are held against a policy."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from attestation.errors import Misconfigured
from policy.context import Context
from policy.findings import Finding, Severity
from policy.linting import BUDGET_S, Rule, lint, rules, worst
from policy.policy_file import parse_policy
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.answers import Found, Search
from policy.proving.inquiry import Inquiry
from policy.proving.prover import Prover
from policy.proving.smt.questions import NOT_INSTALLED
from policy.reviewing import review
from policy.rule_slugs import SLUGS
from policy.rules.by_admission import BY_ADMISSION
from policy.rules.by_type import BY_TYPE

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference" / "rules"
TODAY = date(2026, 6, 1)
PINNED = f'assertion.submods.container.image_digest == "sha256:{"a" * 64}"'
POLICY = f"""
[provider]
project_number = "1"
pool = "primus"
name = "workload"
[what]
image_digests = ["sha256:{"a" * 64}"]
[where]
unsafe_not_asked = ["secboot"]
[who]
project_ids = ["secundus"]
"""
AT_ISSUE = (
    "assertion.submods.confidential_space.support_attributes.all(each, each in ['LATEST', 'USABLE'])"
    " && assertion.submods.gce.zone != 'nowhere' && assertion.google_service_accounts.all(a, a == 'a@b')"
    " && assertion.submods.nvidia_gpu.cc_mode != 'OFF' && assertion.submods.container.restart_policy != ''"
    " && assertion.submods.container.image_reference.startsWith('registry/image')"
)
"""Many rules have something to ask of it."""
WAIVER = """
[[waiver]]
rule = "secure-boot-not-required"
reason = "the last old machines go in spring"
owner = "security@primus.example"
expires = 2026-12-31
"""


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


def page_of(rule: Rule) -> str:
    return (PAGES / f"{rule.slug}.md").read_text(encoding="utf-8")


def example(page: str, heading: str) -> str | None:
    """The CEL of one of a page's examples; None when it is written in something else."""
    match = re.search(rf"## {heading}\n\n```cel\n(.*?)\n```\n", page, re.DOTALL)
    return None if match is None else match.group(1)


CEL_RULES = [rule for rule in rules() if example(page_of(rule), "Avoid") is not None]


TABLES = {"by_admission": BY_ADMISSION, "by_type": BY_TYPE}


def test_every_rule_has_one_entry_or_module_one_test_and_one_page() -> None:
    names = {slug.replace("-", "_") for slug in SLUGS}
    modules = {path.stem for path in (ROOT / "policy" / "rules").glob("*.py")} - {"__init__", *TABLES}
    entries = [slug.replace("-", "_") for table in TABLES.values() for slug in table]
    tests = {path.stem for path in Path(__file__).with_name("rules").glob("test_*.py")}
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert len(set(SLUGS)) == len(SLUGS)
    assert sorted([*modules, *entries]) == sorted(names)
    assert tests == {f"test_{name}" for name in names}
    assert pages == set(SLUGS)
    assert [rule.slug for rule in rules()] == list(SLUGS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.slug))
def test_a_page_says_what_its_rule_says(rule: Rule) -> None:
    page = page_of(rule)
    assert page.startswith(f"# {rule.slug}\n\n**{rule.severity.label}** · {rule.title}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["Avoid", "Prefer", "Rationale", "Source"]


def test_the_list_of_pages_is_whole() -> None:
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = [f"| [{rule.slug}]({rule.slug}.md) | {rule.severity.label} | {rule.title} |" for rule in rules()]
    assert [line for line in listed.splitlines() if line.startswith("| [")] == rows


@pytest.mark.parametrize("rule", CEL_RULES, ids=lambda rule: str(rule.slug))
def test_what_a_page_tells_to_avoid_is_found_and_what_it_prefers_is_not(rule: Rule, prover: Prover) -> None:
    avoid, prefer = (example(page_of(rule), heading) for heading in ("Avoid", "Prefer"))
    assert avoid is not None and prefer is not None
    assert rule.slug in [each.rule for each in lint(policy_set_of(avoid), prover, today=TODAY)]
    assert rule.slug not in [each.rule for each in lint(policy_set_of(prefer), prover, today=TODAY)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each rule's `check` is run."""
    runs: Counter[str] = Counter()

    def counting(rule: Rule) -> Rule:
        def check(context: Context) -> Iterator[Finding]:
            runs[rule.slug] += 1
            yield from rule.check(context)

        return cast(
            Rule,
            SimpleNamespace(
                slug=rule.slug, severity=rule.severity, title=rule.title, asks=rule.asks, check=check
            ),
        )

    every = tuple(map(counting, rules()))
    monkeypatch.setattr("policy.linting.rules", lambda: every)
    return runs


def test_each_rule_is_run_once_for_a_provider(counted: Counter[str], prover: Prover) -> None:
    review(policy_set_of(AT_ISSUE), prover, today=TODAY)
    assert counted == dict.fromkeys(SLUGS, 1)


def test_what_rules_ask_is_answered_before_they_are_run(
    prover: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what only an answer leads to, which `weak-branch` asks of each arm alone."""
    late: list[str] = []

    class Watched(Inquiry):
        ready = False

        def ask_at_once(self, asker: Callable[[], object]) -> None:
            super().ask_at_once(asker)
            self.ready = True

        def ask(self, also: str) -> Search:
            if self.ready and also not in self._answers:
                late.append(also)
            return super().ask(also)

    monkeypatch.setattr("policy.context.Inquiry", Watched)
    assert lint(policy_set_of(AT_ISSUE), prover, today=TODAY)
    assert late == []


def test_nothing_passes_without_a_prover() -> None:
    findings = lint(policy_set_of(PINNED), None, today=TODAY)
    undecided = [each for each in findings if not each.decided]
    assert {each.message for each in undecided} == {NOT_INSTALLED}
    assert {"debug-image-admitted", "workload-not-pinned", "admits-nobody"} < {
        each.rule for each in undecided
    }
    assert worst(findings) is Severity.CRITICAL


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        ('assertion.secboot == true && assertion.swname == "CONFIDENTIAL_SPACE"', "redundant-clause"),
        ('assertion.secboot == true || assertion.swname == "CONFIDENTIAL_SPACE"', "weak-branch"),
        ('assertion.secboot == true && assertion.swname != "GCP"', "deny-list"),
    ],
)
def test_a_rule_about_clauses_does_not_pass_without_a_prover_either(condition: str, rule: str) -> None:
    (found,) = [each for each in lint(policy_set_of(condition), None, today=TODAY) if each.rule == rule]
    assert (found.decided, found.message) == (False, NOT_INSTALLED)


def test_the_worst_finding_comes_first_and_decides(prover: Prover) -> None:
    findings = lint(policy_set_of(PINNED), prover, today=TODAY)
    severities = [each.severity for each in findings]
    assert severities == sorted(severities, reverse=True)
    assert worst(findings) is Severity.CRITICAL
    assert worst([]) is None


def policy(waivers: str) -> PolicySet:
    return parse_policy_set(POLICY + waivers, name="policy.toml")


def test_a_waived_finding_stays_and_says_by_whom(prover: Prover) -> None:
    (finding,) = lint(policy(WAIVER), prover, today=TODAY)
    assert finding.rule == "secure-boot-not-required"
    assert finding.document()["waived"] == {
        "reason": "the last old machines go in spring",
        "owner": "security@primus.example",
        "expires": "2026-12-31",
    }
    assert worst([finding]) is None


def test_an_expired_waiver_is_a_finding_beside_the_one_it_was_for(prover: Prover) -> None:
    findings = lint(policy(WAIVER), prover, today=date(2027, 1, 1))
    assert [(each.rule, each.waiver) for each in findings] == [
        ("waiver-expired", None),
        ("secure-boot-not-required", None),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("secure-boot-not-required", "no-such-rule"), "`no-such-rule` is no rule, so it cannot be waived"),
        (
            ('reason = "the last old machines go in spring"', ""),
            "a waiver's `reason` must be a string that is",
        ),
        (("security@primus.example", " "), "a waiver's `owner` must be a string that is not empty"),
        (("2026-12-31", '"2026-12-31"'), "a waiver's `expires` must be a date, `2027-01-31`"),
        (("2026-12-31", "2026-12-31T00:00:00Z"), "a waiver's `expires` must be a date, `2027-01-31`"),
        (("expires", "until"), "a waiver has an unknown key `until`"),
        (("[[waiver]]", "[waiver]"), "`waiver` must be tables, `[[waiver]]`"),
    ],
)
def test_a_waiver_that_does_not_say_all_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(Misconfigured, match="^" + re.escape(message)):
        parse_policy(POLICY + WAIVER.replace(*change))


def test_a_rule_is_waived_once() -> None:
    with pytest.raises(Misconfigured, match="`secure-boot-not-required` is waived twice"):
        parse_policy(POLICY + WAIVER + WAIVER)


def test_a_provider_that_is_disabled_has_no_findings(prover: Prover) -> None:
    policies = parse_policy_set(
        '{"name": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",'
        ' "attributeMapping": {"google.subject": "assertion.sub"}, "disabled": true,'
        ' "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"}}',
        name="provider.json",
    )
    assert lint(policies, prover, today=TODAY) == []


ATTRIBUTES = "assertion.submods.confidential_space.support_attributes"
SPENT = "not decided: budget spent (10 s for the whole policy)"


def until_spent(looks: int, budget_s: float = BUDGET_S) -> Callable[[], float]:
    """A clock by which the budget is spent when it is looked at so many times after the first."""
    ticks = itertools.count(0.0, budget_s / looks)
    return lambda: next(ticks)


@pytest.mark.parametrize("looks", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "condition",
    [
        PINNED,
        parse_policy(POLICY).condition,
        f"({PINNED} || true)",
        f"'LATEST' in {ATTRIBUTES} && 'STABLE' in {ATTRIBUTES}",
        f"'USABLE' in {ATTRIBUTES}",
        "assertion.submods.container.cmd_override[0] == 'sh'",
    ],
)
def test_what_no_longer_fits_the_budget_is_not_decided(condition: str, looks: int, prover: Prover) -> None:
    policies = policy_set_of(condition)
    whole = {each.rule for each in lint(policies, prover, today=TODAY)}
    findings = lint(policies, prover, today=TODAY, clock=until_spent(looks))
    undecided = {each.message for each in findings if not each.decided}
    assert undecided <= {SPENT}
    assert whole <= {each.rule for each in findings}
    assert looks > 1 or (undecided and worst(findings) is Severity.CRITICAL)


def test_when_nothing_fits_the_budget_what_needs_proof_is_undecided_as_without_a_prover(
    prover: Prover,
) -> None:
    policies = policy_set_of(f"({PINNED} || assertion.swname != 'GCP') && assertion.secboot")
    spent = lint(policies, prover, today=TODAY, clock=until_spent(1))
    assert [(each.rule, each.decided) for each in spent] == [
        (each.rule, each.decided) for each in lint(policies, None, today=TODAY)
    ]


def test_a_clause_whose_use_is_not_known_is_not_passed_over(prover: Prover) -> None:
    """The example is found and the budget is spent: which clauses are redundant is not known."""
    policies = policy_set_of(f"{PINNED} && {PINNED.replace('==', '<=')}")
    assert "redundant-clause" in {each.rule for each in lint(policies, prover, today=TODAY) if each.decided}
    (found,) = [
        each
        for each in lint(policies, prover, today=TODAY, clock=until_spent(2))
        if each.rule == "redundant-clause"
    ]
    assert (found.decided, found.severity) == (False, Severity.WARNING)


def test_the_budget_grows_with_the_providers_and_leaves_the_prover_its_own(prover: Prover) -> None:
    provider = parse_policy(POLICY).provider_document()
    listed = json.dumps([{**provider, "name": f"{provider['name']}-{number}"} for number in range(3)])
    policies = parse_policy_set(listed, name="providers.json")
    findings = lint(policies, prover, today=TODAY, clock=until_spent(1, 14.0))
    undecided = {each.message for each in findings if not each.decided}
    assert undecided == {SPENT.replace("10 s", "14 s")}
    assert isinstance(prover.find_admitted(PINNED), Found)
