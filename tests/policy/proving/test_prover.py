"""Proofs that survive attack, counterexamples that the evaluator confirms, and nothing in between."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cvc5
import pytest

from attestation.errors import Misconfigured
from policy.cel import syntax
from policy.cel.condition import compile_condition
from policy.cel.syntax import InvalidExpression
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.answers import Found, NoneFound, Proved, Refuted, Undecided
from policy.proving.prover import Prover, find_admitted, prove
from policy.proving.question_names import NAMED_QUESTIONS
from policy.proving.smt import solver, tokens
from policy.proving.smt.questions import NOT_INSTALLED
from policy.proving.smt.tokens import SAMPLE, differences, fits, nearest
from tests.policy.attacks import fitting

TOKENS = 10_000
CONTAINER = "assertion.submods.container"
SPACE = "assertion.submods.confidential_space"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
PINNED = f'{CONTAINER}.image_digest == "{DIGEST}"'
STABLE = f'"STABLE" in {SPACE}.support_attributes'
ACCOUNT = "workload@operator-project.iam.gserviceaccount.com"
HARDENED = (
    'assertion.swname == "CONFIDENTIAL_SPACE" && assertion.dbgstat == "disabled-since-boot"'
    f' && {STABLE} && assertion.hwmodel in ["GCP_AMD_SEV", "GCP_INTEL_TDX"] && {PINNED}'
    f' && assertion.submods.gce.project_id == "operator-project"'
    f' && "{ACCOUNT}" in assertion.google_service_accounts'
    f" && (!has({CONTAINER}.cmd_override) || size({CONTAINER}.cmd_override) == 0)"
    f" && (!has({CONTAINER}.env_override)"
    f' || {CONTAINER}.env_override.all(name, name in ["INPUT_URI", "TOP_K"]))'
)
NOT_DEBUG = 'assertion.dbgstat == "disabled-since-boot"'
REFERENCE = f"{CONTAINER}.image_reference"
ACCOUNTS = "assertion.google_service_accounts"
ZONE = "assertion.submods.gce.zone"
PROJECT = "assertion.submods.gce.project_id"


class Attack:
    """Random tokens that the issuer could sign, and ones made to hurt a given policy."""

    def __init__(self, policies: Any) -> None:
        self.policies = policies
        self.pick = random.Random(policies.pick.random())
        self.pool = [token for token in (fitting(policies) for _ in range(TOKENS // 2)) if fits(token)]

    def tokens(self, condition: str, admitted: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
        """Many times the pool, and admitted tokens with a few claims taken from elsewhere."""
        yield from self.pool
        if admitted is None:
            return
        constants = [
            node.value
            for clause in compile_condition(condition).clauses
            for node, _ in syntax.walk(clause.node)
            if isinstance(node, syntax.Literal) and isinstance(node.value, str)
        ]
        for _ in range(TOKENS - len(self.pool)):
            token = copy.deepcopy(dict(admitted))
            changes = list(differences(token, self.pick.choice(self.pool)))
            for path, value in self.pick.sample(changes, min(len(changes), self.pick.randint(1, 3))):
                if isinstance(value, str) and constants and self.pick.random() < 0.3:
                    value = self.pick.choice(constants) + self.pick.choice(("", "x"))
                tokens.put(token, path, value)
            yield token


@pytest.fixture(scope="module")
def proved(policies: Any, prover: Prover) -> Callable[[str, str], Proved]:
    """Proves, and then attacks what was proved with 10,000 tokens."""
    attack = Attack(policies)

    def proved(condition: str, that: str) -> Proved:
        answer = prover.prove(condition, that)
        assert isinstance(answer, Proved), answer
        found = prover.find_admitted(condition)
        admits, holds = compile_condition(condition), compile_condition(that)
        for token in attack.tokens(condition, found.token if isinstance(found, Found) else None):
            if admits.decide(token) and not holds.decide(token):
                assert not fits(token), token
        return answer

    return proved


def refuted(answer: object, condition: str, that: str) -> Mapping[str, Any]:
    """The counterexample, which the evaluator confirms, which the issuer could sign, and which is minimal."""
    assert isinstance(answer, Refuted), answer
    token = answer.token
    assert token is not None and fits(token)

    def breaks(each: Mapping[str, Any]) -> bool:
        return (
            fits(each)
            and compile_condition(condition).decide(each)
            and not compile_condition(that).decide(each)
        )

    assert breaks(token)
    for path, value in differences(token, SAMPLE):
        closer = copy.deepcopy(dict(token))
        tokens.put(closer, path, value)
        assert not breaks(closer), path
    return token


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (HARDENED, NOT_DEBUG),
        (HARDENED, f'"USABLE" in {SPACE}.support_attributes'),
        (HARDENED, 'assertion.hwmodel != "GCP_SHIELDED_VM"'),
        (HARDENED, f'!has({CONTAINER}.env_override) || !("PATH" in {CONTAINER}.env_override)'),
        (STABLE, NOT_DEBUG),
        (f"{SPACE}.support_attributes.exists(each, each == 'STABLE')", STABLE),
        (f"{PINNED} && {CONTAINER}.image_digest.startsWith('sha256:b')", "false"),
        (f'"{DIGEST}" in {CONTAINER}.image_digest', "false"),
        (f"{REFERENCE}.matches('^us-docker[.]pkg[.]dev/p/')", f"{REFERENCE}.contains('.pkg.dev')"),
        ("assertion.sub.extract('projects/{p}/') == 'mine'", "assertion.sub.contains('mine')"),
        (f"size({ACCOUNTS}) == 1 && 'a' in {ACCOUNTS}", f"{ACCOUNTS} == ['a']"),
        (f"{ACCOUNTS} == ['a', 'b']", f"{ACCOUNTS}[1] == 'b'"),
        (f"{ZONE} == {PROJECT} && {ZONE} == 'a'", f"{PROJECT} == 'a'"),
        (f"'a-' + {ZONE} == 'a-b'", f"{ZONE} == 'b'"),
        (f"{CONTAINER}.env == {{'A': 'b'}}", f"size({CONTAINER}.env) == 1 && {CONTAINER}.env.A == 'b'"),
        ("assertion.iat > 5 && assertion.exp > assertion.iat", "assertion.exp >= 7"),
        (f"{ZONE} < 'b' && {ZONE} >= 'a'", f"{ZONE}.startsWith('a')"),
        ("true", 'assertion.iss == "https://confidentialcomputing.googleapis.com"'),
        (
            f"size({CONTAINER}.cmd_override) == 0",
            f"has({CONTAINER}.cmd_override) && {CONTAINER}.cmd_override != null",
        ),
    ],
)
def test_what_is_proved_survives_ten_thousand_tokens(
    proved: Callable[[str, str], Proved], condition: str, that: str
) -> None:
    proved(condition, that)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (PINNED, NOT_DEBUG),
        (f"{PINNED} && assertion.swname == 'CONFIDENTIAL_SPACE'", STABLE),
        (STABLE, 'assertion.hwmodel != "GCP_SHIELDED_VM"'),
        ('assertion.dbgstat != "enable"', NOT_DEBUG),
        (f"{NOT_DEBUG} || true", NOT_DEBUG),
        (
            f"{REFERENCE}.startsWith('us-docker.pkg.dev/p/r')",
            f"{REFERENCE}.startsWith('us-docker.pkg.dev/p/r/')",
        ),
        (f'(assertion.submods.nvidia_gpu.cc_mode == "ON" || {STABLE})', STABLE),
        (f"{SPACE}.support_attributes.all(each, each != 'EXPERIMENTAL')", STABLE),
        (f"{REFERENCE}.matches('us-docker')", f"{REFERENCE}.startsWith('us-docker')"),
        (f"{ACCOUNTS}.exists(each, each.endsWith('@p.iam.gserviceaccount.com'))", f"size({ACCOUNTS}) == 1"),
        (HARDENED, f"size({ACCOUNTS}) == 1"),
        (HARDENED, "assertion.secboot"),
        (
            f"!has({CONTAINER}.env_override) || {CONTAINER}.env_override.A != 'x'",
            f"!has({CONTAINER}.env_override)",
        ),
        (
            f"{CONTAINER}.image_signatures.exists(s, s.key_id == 'k')",
            f"size({CONTAINER}.image_signatures) == 1",
        ),
        (f"{ZONE} == {PROJECT}", f"{ZONE} == 'a'"),
        ("", "false"),
    ],
)
def test_what_is_refuted_comes_with_a_minimal_token(prover: Prover, condition: str, that: str) -> None:
    refuted(prover.prove(condition, that), condition, that)


def test_a_proof_names_the_facts_that_it_needs_and_no_others(prover: Prover) -> None:
    by_fact = prover.prove(STABLE, NOT_DEBUG)
    by_itself = prover.prove(f"{STABLE} && {NOT_DEBUG}", NOT_DEBUG)
    assert by_fact == Proved(assumptions=("a debug image has no support attribute",))
    assert by_itself == Proved(assumptions=())


def test_a_claim_that_no_token_has_admits_nobody_under_that_assumption(prover: Prover) -> None:
    condition = "assertion.google_service_account == 'a@b'"
    found = prover.assuming_documented().find_admitted(condition)
    assert found == NoneFound(assumptions=("no token has the claim `google_service_account`",))
    assert isinstance(prover.find_admitted(condition), Found)


DOCUMENTED = {
    "hwmodel": '["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX", "GCP_SHIELDED_VM"]',
    "dbgstat": '["disabled-since-boot", "enabled"]',
    "swname": '["CONFIDENTIAL_SPACE", "GCE"]',
    "submods.nvidia_gpu.cc_mode": '["ON", "OFF", "DEVTOOLS"]',
    "submods.container.restart_policy": '["Never", "OnFailure", "Always"]',
}


@pytest.mark.parametrize("claim", DOCUMENTED)
def test_a_claim_may_have_another_value_unless_it_is_assumed_to_be_documented(
    prover: Prover, claim: str
) -> None:
    condition, that = f"has(assertion.{claim})", f"assertion.{claim} in {DOCUMENTED[claim]}"
    answer = prover.prove(condition, that)
    assert isinstance(answer, Refuted) and answer.token is not None
    assert fits(answer.token, documented=False) and not fits(answer.token)
    assert not compile_condition(that).decide(answer.token)
    assumed = prover.assuming_documented().prove(condition, that)
    assert isinstance(assumed, Proved)
    assert any(f"`{claim}` is" in each for each in assumed.assumptions)


def test_a_support_attribute_may_be_another_one(prover: Prover) -> None:
    attributes = f"{SPACE}.support_attributes"
    that = f"{attributes}.all(each, each in ['LATEST', 'STABLE', 'USABLE', 'EXPERIMENTAL'])"
    assert isinstance(prover.prove(STABLE, that), Refuted)
    assert isinstance(prover.assuming_documented().prove(STABLE, that), Proved)


def test_a_documented_token_is_shown_where_there_is_one(prover: Prover) -> None:
    answer = prover.prove("true", 'assertion.hwmodel == "GCP_AMD_SEV"')
    assert isinstance(answer, Refuted) and answer.token is not None
    assert fits(answer.token)


def test_the_issuer_was_verified_and_is_nobody_else(prover: Prover) -> None:
    assert isinstance(
        prover.find_admitted('assertion.iss != "https://confidentialcomputing.googleapis.com"'), NoneFound
    )


@pytest.mark.parametrize(("count", "possible"), [(2, True), (3, False)])
def test_the_keys_of_a_map_differ_though_few_strings_answer_as_they_do(
    prover: Prover, count: int, possible: bool
) -> None:
    keys = f"{CONTAINER}.env"
    found = prover.find_admitted(f"size({keys}) == {count} && {keys}.all(key, key.matches('^(a|ab)$'))")
    assert isinstance(found, Found if possible else NoneFound), found


def test_a_proof_that_never_met_a_bound_does_not_speak_of_it(prover: Prover) -> None:
    answer = prover.prove(HARDENED, NOT_DEBUG)
    assert isinstance(answer, Proved)
    assert not answer.bounded


def test_a_list_as_long_as_a_condition_asks_is_found(prover: Prover) -> None:
    found = prover.find_admitted(f"size({ACCOUNTS}) == 9")
    assert isinstance(found, Found)
    assert len(found.token["google_service_accounts"]) == 9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("production-image", HARDENED, PINNED),
        ("encrypted-memory", HARDENED, f"{PINNED} && {STABLE}"),
        ("pinned-image", HARDENED, f"{REFERENCE} == 'us-docker.pkg.dev/p/r/i:latest'"),
        ("pinned-image", f"{CONTAINER}.image_signatures.exists(s, s.key_id == 'k')", STABLE),
        ("pinned-operator", HARDENED, f"{PINNED} && {STABLE}"),
        (
            "no-overrides",
            f"{PINNED} && !has({CONTAINER}.cmd_override) && !has({CONTAINER}.env_override)",
            PINNED,
        ),
        (
            "never-errors",
            f"has({CONTAINER}.env) || {NOT_DEBUG} || {ZONE} == 'a'",
            f"{CONTAINER}.env.A == 'a'",
        ),
    ],
)
def test_each_named_question_tells_a_good_policy_from_a_bad_one(
    prover: Prover, name: str, good: str, bad: str
) -> None:
    counterexample = prover.prove_named(bad, name)
    if name != "never-errors":
        assert isinstance(prover.prove_named(good, name), Proved)
    assert isinstance(counterexample, Refuted) and counterexample.token is not None


def test_satisfiable_shows_a_token_or_refutes_without_one(prover: Prover) -> None:
    yes, no = (
        prover.prove_named(HARDENED, "satisfiable"),
        prover.prove_named("assertion.swname == 'x' && assertion.swname == 'y'", "satisfiable"),
    )
    assert isinstance(yes, Proved) and yes.example is not None
    assert compile_condition(HARDENED).decide(yes.example)
    assert no == Refuted(token=None)


def test_whether_a_token_that_is_not_documented_could_be_admitted_is_not_known(prover: Prover) -> None:
    undecided = prover.prove_named("assertion.swname == 'x'", "satisfiable")
    assert isinstance(undecided, Undecided)
    assert undecided.assumptions == ("`swname` is `CONFIDENTIAL_SPACE` or `GCE`",)
    assuming = prover.assuming_documented()
    assert assuming.prove_named("assertion.swname == 'x'", "satisfiable") == Refuted(token=None)


def test_a_question_that_does_not_exist_is_refused_with_those_that_do(prover: Prover) -> None:
    with pytest.raises(Misconfigured) as refusal:
        prover.prove_named(HARDENED, "prodution-image")
    assert all(name in refusal.value.hint for name in NAMED_QUESTIONS)


# -- functions on strings


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            f"{ZONE}.lowerAscii() == assertion.submods.gce.instance_name",
            "`lowerAscii` of a claim that is compared with another cannot be decided",
        ),
        ("timestamp(assertion.iat) < timestamp(0)", "`timestamp`, which is of times, cannot be decided"),
        (
            "google.protobuf.Timestamp != type(1)",
            "what may be a type or a constant of Google's cannot be decided",
        ),
        *(
            (text, f"`{name}`, of which it is not known whether Google takes it, cannot be decided")
            for name, text in (
                ("trim", "assertion.swname.trim() == 'GCE'"),
                ("trim", "'a'.trim() == 'b'"),
                ("trim", "'a'.trim() == 'b' && assertion.swname == 'GCE'"),
                ("quote", "strings.quote(assertion.swname) == 'GCE'"),
                ("substring", "assertion.secboot ? true : assertion.swname.substring(1) == 'CE'"),
            )
        ),
    ],
)
def test_what_a_function_makes_of_it_is_not_decided(prover: Prover, condition: str, reason: str) -> None:
    answer = prover.prove(condition, "assertion.dbgstat == 'enabled'")
    assert isinstance(answer, Undecided)
    assert answer.reason.partition(", at characters")[0] == reason


def test_the_small_letters_of_a_constant_are_known(prover: Prover) -> None:
    condition = "assertion.submods.gce.project_id == 'SECUNDUS'.lowerAscii()"
    assert isinstance(prover.prove(condition, "assertion.submods.gce.project_id == 'secundus'"), Proved)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (f'{ZONE}.lowerAscii() == "us"', f'{ZONE} in ["us", "Us", "uS", "US"]'),
        (f'{ZONE}.lowerAscii() == "US"', "false"),
        (f'!({ZONE}.lowerAscii() in ["a", "b"])', f'!({ZONE} in ["a", "b", "A", "B"])'),
        (f'{ZONE}.lowerAscii().startsWith("us-")', f'{ZONE}.matches("^[uU][sS]-")'),
        (f'{ZONE}.matches("^[A-Z]+$")', f'{ZONE}.lowerAscii().matches("^[a-z]+$")'),
        (f'({ZONE} + "-X").lowerAscii() == "a-x"', f'{ZONE} in ["a", "A"]'),
        (f'{ZONE}.extract("a{{x}}").lowerAscii() == "b"', f'{ZONE}.matches("a[bB]$")'),
        (
            f'{ZONE}.lowerAscii().extract("a{{x}}c").extract("{{y}}b") == "x"',
            f'{ZONE}.matches("[aA][xX][bB]")',
        ),
        (f'{ZONE}.lowerAscii() > "z"', f'{ZONE} > "Z"'),
    ],
)
def test_the_small_letters_of_a_claim_are_decided(prover: Prover, condition: str, that: str) -> None:
    assert isinstance(prover.prove(condition, that), Proved)
    if that != "false":
        assert isinstance(prover.find_admitted(condition), Found)


@pytest.mark.parametrize("view", ['extract("A{x}/")', "lowerAscii()"])
def test_two_names_of_variables_may_be_one_when_only_a_part_of_them_is_seen(
    prover: Prover, view: str
) -> None:
    env = f"{CONTAINER}.env"
    seen = "b" if "extract" in view else "a"
    one, other = ('k.endsWith("/1")', 'k.endsWith("/2")') if "extract" in view else ('k == "a"', 'k == "A"')
    condition = " && ".join(f'{env}.exists(k, k.{view} == "{seen}" && {each})' for each in (one, other))
    found = prover.find_admitted(condition)
    assert isinstance(found, Found)
    none = f'size({env}) == 3 && {env}.all(k, k.lowerAscii() == "a")'
    assert isinstance(prover.find_admitted(none), NoneFound)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (f'{ZONE}.matches("^\\\\pL+$")', f'{ZONE}.matches("\\\\pL")'),
        (f'!{ZONE}.matches("\\\\PL")', f'!{ZONE}.matches("1")'),
    ],
)
def test_what_rests_on_the_category_of_a_character_to_come_is_not_proved(condition: str, that: str) -> None:
    with Prover(budget_s=60) as patient:
        assert not isinstance(patient.prove(condition, that), Proved)
        assert isinstance(patient.prove(f"{condition} && assertion.secboot", "assertion.secboot"), Proved)


# -- what a claim can be


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("submods.container.image_digest", (DIGEST,)),
        ("submods.gce.project_id", ("operator-project",)),
        ("hwmodel", ("GCP_AMD_SEV", "GCP_INTEL_TDX")),
        ("secboot", (False, True)),
        ("submods.container.env_override", ("INPUT_URI", "TOP_K")),
        ("submods.confidential_space.support_attributes", None),
        ("submods.gce.zone", None),
    ],
)
def test_the_values_of_a_claim_are_listed_or_without_bound(
    prover: Prover, claim: str, expected: tuple[object, ...] | None
) -> None:
    values = prover.values_of(HARDENED, claim)
    assert not isinstance(values, Undecided)
    assert values.finite == expected
    if expected is None:
        assert len(set(values.examples)) == 2


def test_values_that_only_the_documentation_bounds_are_listed_for_whoever_assumes_it(prover: Prover) -> None:
    values = prover.assuming_documented().values_of(HARDENED, "submods.confidential_space.support_attributes")
    assert not isinstance(values, Undecided)
    assert values.finite == ("LATEST", "STABLE", "USABLE")
    assert any("support_attributes[]` is" in each for each in values.assumptions)


def test_a_finite_pattern_is_as_good_as_a_list(prover: Prover) -> None:
    values = prover.values_of(f"{PROJECT}.matches('^project-[ab]$')", "submods.gce.project_id")
    assert not isinstance(values, Undecided)
    assert values.finite == ("project-a", "project-b")


def test_a_claim_that_may_be_absent_says_so(prover: Prover) -> None:
    values = prover.values_of(f"{PINNED} && !has({CONTAINER}.cmd_override)", "submods.container.cmd_override")
    assert not isinstance(values, Undecided)
    assert (values.finite, values.absent) == ((), True)


# -- providers


def providers(*conditions: str, mapping: dict[str, str] | None = None) -> PolicySet:
    return parse_policy_set(
        json.dumps(
            [
                {
                    "name": f"projects/1/locations/global/workloadIdentityPools/pool/providers/prov{number}",
                    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
                    "attributeMapping": mapping or {"google.subject": "assertion.submods.gce.instance_id"},
                    "attributeCondition": condition,
                }
                for number, condition in enumerate(conditions)
            ]
        ),
        name="providers.json",
    )


def test_admission_of_several_providers_is_their_union(prover: Prover) -> None:
    both = providers(f"{NOT_DEBUG} && {STABLE}", 'assertion.dbgstat == "enabled"')
    assert isinstance(prover.prove(providers(f"{NOT_DEBUG} && {STABLE}"), NOT_DEBUG), Proved)
    answer = prover.prove(both, NOT_DEBUG)
    assert isinstance(answer, Refuted) and answer.token is not None
    assert answer.token["dbgstat"] == "enabled"


def test_a_mapped_attribute_is_what_its_expression_says(prover: Prover) -> None:
    policies = providers(
        f'attribute.digest == "{DIGEST}"',
        mapping={
            "google.subject": "assertion.submods.gce.instance_id",
            "attribute.digest": f"{CONTAINER}.image_digest",
        },
    )
    assert isinstance(prover.prove(policies, PINNED), Proved)


@pytest.mark.parametrize(
    "condition",
    [
        '"zone" in attribute',
        'attribute["zo" + "ne"] == "a"',
        "size(attribute) == 1",
        f'attribute == {{"zone": {ZONE}}}',
        'attribute.exists(name, name == "zone")',
        'attribute.map(name, attribute[name]) == ["a"]',
        "[attribute].exists(each, has(each.zone))",
        '[attribute][0].zone == "a"',
        '{"x": attribute}.x.zone == "a"',
        '(true ? attribute : google).zone == "a"',
        "has(dyn(attribute).zone)",
        '[{"zone": "b"}].exists(attribute, .attribute.zone == "a" && attribute.zone == "b")',
        '"subject" in google && google["groups"][0] == "a"',
        'google.groups[0] == "a"',
        "size(google) == 2",
    ],
)
def test_what_is_mapped_is_seen_however_it_is_read(prover: Prover, condition: str) -> None:
    policies = providers(
        condition,
        mapping={
            "google.subject": "assertion.submods.gce.instance_id",
            "google.groups": "assertion.google_service_accounts",
            "attribute.zone": ZONE,
        },
    )
    found = prover.find_admitted(policies)
    assert isinstance(found, Found), found
    assert isinstance(prover.find_admitted(policies, f"!({condition})"), Proved)


@pytest.mark.parametrize(
    "condition",
    ["!has(attribute.kind)", "has(attribute.kind)", "size(attribute) == 0", "!has(google.groups)"],
)
def test_of_an_attribute_that_is_no_string_nothing_is_proved(prover: Prover, condition: str) -> None:
    mapping = {
        "google.subject": "assertion.submods.gce.instance_id",
        "google.groups": "[assertion.iat]",
        "attribute.kind": "assertion.secboot",
    }
    answer = prover.find_admitted(providers(condition, mapping=mapping))
    assert isinstance(answer, Undecided) and "that is no string" in answer.reason
    unread = prover.prove(providers("assertion.secboot", mapping=mapping), "assertion.secboot")
    assert isinstance(unread, Proved)


@pytest.mark.parametrize("mapped", [f"{CONTAINER}.env.map(k, k)", f"{CONTAINER}.env.filter(k, k != 'z')"])
def test_the_order_of_variables_proves_nothing(prover: Prover, mapped: str) -> None:
    for condition in (f'{mapped} == ["a", "b"]', f'{mapped}[0] == "a"', f'({mapped} + ["x"])[1] == "b"'):
        answer = prover.find_admitted(condition)
        assert isinstance(answer, Undecided) and "the order in which a map" in answer.reason, condition
    assert isinstance(prover.prove(f"size({mapped}) == 0", f'!("a" in {CONTAINER}.env)'), Proved)


def test_a_counterexample_has_numbers_that_a_reader_of_tokens_takes(prover: Prover) -> None:
    answer = prover.prove("assertion.exp > 5 && assertion.iat != 7", "assertion.exp > 2000000000")
    assert isinstance(answer, Refuted) and answer.token is not None
    large = prover.prove("assertion.exp > assertion.iat", "assertion.exp <= 1760003600")
    assert isinstance(large, Refuted) and large.token is not None
    assert all(abs(large.token[name]) < 2**53 for name in ("exp", "iat"))  # type: ignore[arg-type]


def test_a_subject_joined_of_claims_is_taken_apart(prover: Prover) -> None:
    policies = providers(
        f'google.subject == "gcpcs::{DIGEST}::1::2"',
        mapping={
            "google.subject": f'"gcpcs::" + {CONTAINER}.image_digest'
            ' + "::" + assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id'
        },
    )
    assert isinstance(prover.prove(policies, PINNED), Proved)


def test_a_token_that_the_mapping_refuses_is_no_counterexample(prover: Prover) -> None:
    mapping = {"google.subject": f"{CONTAINER}.env.SUBJECT"}
    answer = prover.prove(
        providers("true", mapping=mapping), f"has({CONTAINER}.env) && {CONTAINER}.env.SUBJECT != ''"
    )
    assert isinstance(answer, Proved)


def test_a_quoted_mapping_is_a_constant(prover: Prover) -> None:
    policies = providers("google.subject == 'assertion.sub'", mapping={"google.subject": "'assertion.sub'"})
    assert isinstance(prover.find_admitted(policies), Found)


def test_attributes_of_a_bare_condition_may_be_anything(prover: Prover) -> None:
    answer = prover.prove("attribute.zone == 'a' && google.subject == 'b'", f"{ZONE} == 'a'")
    assert isinstance(answer, Refuted)
    assert answer.attribute == {"zone": "a"}
    assert answer.google["subject"] == "b"


# -- other solvers


@pytest.mark.parametrize(
    ("condition", "that", "expected"),
    [
        (HARDENED, NOT_DEBUG, "unsat"),
        (PINNED, NOT_DEBUG, "sat"),
        (f"'a' + {ZONE} == 'ab'", f"{ZONE} == 'b'", "unsat"),
    ],
)
def test_another_solver_reads_the_question_and_agrees(
    prover: Prover, condition: str, that: str, expected: str
) -> None:
    other = cvc5.Solver()
    parser = cvc5.InputParser(other)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, prover.to_smt2(condition, that), "question.smt2")
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(str(command.invoke(other, parser.getSymbolManager())).strip())
    assert said[-1] == expected
    assert "error" not in "".join(said)


# -- never by accident


@pytest.mark.parametrize(
    ("condition", "span"),
    [
        ("assertion.sub.split('/')[0] == 'x'", "0-24"),
        ("assertion.submods == {'a': 1}", "0-29"),
        ("size(assertion) == 3", "0-15"),
        (f"{ZONE}.matches(assertion.sub)", "0-49"),
        ("assertion.submods.all(name, true)", "0-33"),
        ("assertion[assertion.sub] == 1", "0-24"),
        ("int(assertion.submods.gce.project_number) == 1", "0-41"),
        ("assertion.iat * assertion.exp == 1", "0-29"),
    ],
)
def test_what_has_no_formula_is_undecided_and_says_where(prover: Prover, condition: str, span: str) -> None:
    answer = prover.prove(condition, "false")
    assert isinstance(answer, Undecided)
    assert f"at characters {span}" in answer.reason
    assert "\n" not in answer.reason


def listed(count: int) -> str:
    return "[" + ", ".join(f"'{number}'" for number in range(count)) + "]"


def hostile() -> dict[str, str]:
    digests = ", ".join(f'"sha256:{number:064x}"' for number in range(40))
    ones = f"[{','.join('1' * 900)}]"
    nested = "a + b == c + d"
    for name in "dcba":
        nested = f"{ACCOUNTS}.all({name}, {nested})"
    return {
        "nested parentheses": "(" * 30 + "assertion.secboot" + ")" * 30,
        "a long disjunction": " || ".join(f"{ZONE}=='{number}'" for number in range(110)),
        "forty digests": f"{CONTAINER}.image_digest in [{digests}]",
        "a long list": f"{ZONE} in {listed(450)}",
        "a long list, over another": f"{ACCOUNTS}.all(a, a in {listed(450)})",
        "a list over itself": f"{ones}.all(a, {ones}.all(b, a == b))",
        "macros in macros": nested,
        "many searches": " || ".join(f"assertion.sub.contains('x{number}x{number}')" for number in range(60)),
        "a repetition of repetitions": "assertion.sub.matches('^((a{1,30}){1,30}b?)*$')"
        " && !assertion.sub.matches('(a|b)*c')",
        "a large repetition": "assertion.sub.matches('(x+x+)+y{900}')"
        " && assertion.sub.matches('^(.{0,900}z)$')",
        "many patterns": " && ".join(f"assertion.sub.matches('a.{{{least},}}b')" for least in range(2, 40)),
        "characters of all kinds": rf"{ZONE} == '\x00' || {ZONE}.contains('\U0010ffff')",
        "strings of claims": f"assertion.sub + {ZONE} == {ZONE} + assertion.sub",
        "strings of strange characters": rf"assertion.sub == {ZONE} + '\U0010ffff'",
        "sums": " + ".join(["assertion.iat"] * 60) + " == 7",
        "what the solver could misread": rf"""{ZONE} == '") (exit) (assert false \\' """,
        "a strange name": "assertion.`a-b` == 'x'",
    }


@pytest.mark.parametrize("name", hostile())
def test_hostile_conditions_are_answered_or_undecided(name: str) -> None:
    condition = hostile()[name]
    with Prover(budget_s=1) as prover:
        try:
            found = prover.find_admitted(condition)
            answer = prover.prove(condition, "assertion.sub == 'x'")
        except InvalidExpression as refusal:
            assert "\n" not in refusal.message
            return
    if isinstance(found, Found):
        assert compile_condition(condition).decide(found.token)
        assert not isinstance(answer, Proved)
    if isinstance(answer, Undecided):
        assert "\n" not in answer.reason


def test_halves_of_surrogate_pairs_are_no_text_of_a_token(prover: Prover) -> None:
    """UTF-8 has none, so Google's runtime has none, and no token with one is read here."""
    assert isinstance(prover.find_admitted(ZONE + r".matches('^[\\x{D800}-\\x{DFFF}]$')"), NoneFound)
    alone = f'size({ZONE}) == 1 && {ZONE} > "\ud7ff"'
    assert isinstance(prover.prove(alone, f'{ZONE} >= "\ue000"'), Proved)
    compared = f"{alone} && {ZONE} == assertion.submods.gce.instance_name"
    undecided = prover.prove(compared, f'{ZONE} >= "\ue000"')
    assert isinstance(undecided, Undecided)
    assert "half a surrogate pair" in undecided.reason


def test_a_solver_that_hangs_is_killed_and_the_next_question_is_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "z3"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    with Prover(budget_s=0.3) as prover:
        with monkeypatch.context() as patch:
            patch.setattr(solver, "find_z3", lambda: str(hanging))
            answer = prover.prove(STABLE, NOT_DEBUG)
        assert answer == Undecided(reason="the time for this question is over (0.3 s)")
        assert prover._solver._process is None
    with Prover() as another:
        assert isinstance(another.prove(STABLE, NOT_DEBUG), Proved)


@pytest.mark.parametrize(
    "printed", ["", "(error nonsense)", "sat\nsat", "unsat\n(error)", "unknown", "unsat", "sat", "\\000"]
)
def test_a_solver_that_talks_nonsense_is_never_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str
) -> None:
    babbling = tmp_path / "z3"
    babbling.write_text(f"#!/bin/sh\nwhile true; do printf '{printed}\\nsymbolon-end\\n'; sleep 0.05; done\n")
    babbling.chmod(0o700)
    monkeypatch.setattr(solver, "find_z3", lambda: str(babbling))
    assert isinstance(prove(STABLE, NOT_DEBUG, budget_s=0.5), Undecided)


def test_a_solver_that_dies_is_undecided_and_replaced(prover: Prover) -> None:
    with Prover() as mortal:
        assert mortal.start()
        process = mortal._solver._process
        assert process is not None
        process.kill()
        answer = mortal.prove(STABLE, NOT_DEBUG)
        assert isinstance(answer, Undecided | Proved)
        assert isinstance(mortal.prove(STABLE, NOT_DEBUG), Proved)


def test_without_a_solver_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "find_z3", lambda: None)
    assert prove(STABLE, NOT_DEBUG) == Undecided(reason=NOT_INSTALLED)
    assert find_admitted("true") == Undecided(reason=NOT_INSTALLED)


def test_a_witness_that_the_evaluator_denies_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "fits", lambda _, **__: False)
    answer = prove(PINNED, NOT_DEBUG)
    assert isinstance(answer, Undecided)
    assert "please report it" in answer.reason


def test_a_condition_that_google_would_refuse_is_refused(prover: Prover) -> None:
    with pytest.raises(InvalidExpression):
        prover.prove(policy_set_of("assertion.sub =="), "true")
    with pytest.raises(InvalidExpression):
        prover.prove("true", "assertion.sub ==")


def test_the_sample_is_a_token_that_the_issuer_could_sign() -> None:
    assert fits(SAMPLE)


def test_a_counterexample_is_near_the_sample_that_was_given(debug_tokens: list[dict[str, Any]]) -> None:
    production = copy.deepcopy(dict(SAMPLE)) | {"aud": "mine", "swversion": ["1"]}
    with Prover(sample=production) as near:
        token = refuted_token(near.prove(PINNED, NOT_DEBUG))
    assert (token["aud"], token["swversion"]) == ("mine", ["1"])
    with Prover(sample=debug_tokens[0]) as near_debug:
        assert isinstance(near_debug.prove(PINNED, NOT_DEBUG), Refuted)


def refuted_token(answer: object) -> Mapping[str, Any]:
    assert isinstance(answer, Refuted) and answer.token is not None
    return answer.token


def test_nearest_keeps_no_difference_that_can_be_undone() -> None:
    sample = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    found = {"a": 9, "b": {"c": 9}, "f": 9}
    near = nearest(found, sample, lambda token: token.get("a") == 9 and "d" not in token["b"])  # type: ignore[operator]
    assert near == {"a": 9, "b": {"c": 2}, "e": 4}


@pytest.mark.parametrize(
    "hole",
    [
        pytest.param(f'{ZONE}.matches("\\\\p{{Gre" + "ek}}|.*")', id="a script's name, computed"),
        pytest.param(f'{ZONE}.matches("{"(" * 51}a{")" * 51}" + "|.*")', id="groups deeper than ours"),
        pytest.param('"a".matches("\\\\p{Gre" + "ek}|.*")', id="the same of constants"),
        pytest.param('["a"].exists(x, x.matches("\\\\p{Gre" + "ek}|.*"))', id="the same within a macro"),
        pytest.param("{true: 1, 1: 2}.size() == 2", id="a bool and an int as keys"),
        pytest.param("{1: 1, 1u: 2}.size() == 2", id="an int and a uint as keys"),
        pytest.param('double("0x1p3") == 8.0', id="a hexadecimal number"),
        pytest.param('"""a\rb""" == "a\\nb"', id="a carriage return within a string"),
    ],
)
def test_what_google_may_find_true_is_not_taken_for_never_true(prover: Prover, hole: str) -> None:
    """Google's evaluator, cel-cpp, finds every one of these true."""
    answer = prover.prove(f"({HARDENED}) || {hole}", NOT_DEBUG)
    assert isinstance(answer, Undecided | Refuted)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        ("assertion.iat == 9007199254740992.0", "assertion.iat == 9007199254740992"),
        ("assertion.iat <= 9007199254740992.0", "assertion.iat <= 9007199254740992"),
        ("assertion.iat >= 9223372036854775808.0", "assertion.iat == 9223372036854775807"),
        ("assertion.iat == -9223372036854775808.0", "assertion.iat == -9223372036854775807 - 1"),
    ],
)
def test_an_integer_beside_a_double_is_rounded_first(prover: Prover, condition: str, that: str) -> None:
    refuted(prover.prove(condition, that), condition, that)


def test_integers_that_a_double_stands_for_are_all_there_are(
    proved: Callable[[str, str], Proved], prover: Prover
) -> None:
    proved("assertion.iat == 9007199254740992.0", "assertion.iat in [9007199254740992, 9007199254740993]")
    proved("assertion.iat < 1.5", "assertion.iat <= 1")
    proved("assertion.iat < 9223372036854775808.0", "assertion.iat <= 9223372036854775295")
    assert isinstance(prover.find_admitted("assertion.iat > 1e300 || assertion.iat == 0.0 / 0.0"), NoneFound)


NAME = "assertion.submods.gce.instance_name"


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (rf'{ZONE} == {NAME} && {ZONE}.matches("^[^\\x{{0}}-\\x{{2FFFE}}]$")', rf'{ZONE} == "\U0002FFFF"'),
        (
            rf'{ZONE} < {NAME} && {ZONE}.matches("^[^\\x{{0}}-\\x{{2FFFE}}]$")',
            f"{NAME} != '' && {ZONE} == {NAME}",
        ),
        (f"{ZONE} == {NAME} && {ZONE} != ''", rf'{ZONE} < "\U00030000"'),
    ],
)
def test_characters_beyond_the_solvers_are_not_taken_for_its_last_one(
    prover: Prover, condition: str, that: str
) -> None:
    answer = prover.prove(condition, that)
    assert isinstance(answer, Undecided)
    assert "beyond U+2EFFF" in answer.reason


def _mapped(condition: str, policies: str) -> PolicySet:
    provider = {
        "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
        "state": "ACTIVE",
        "attributeMapping": {"google.subject": policies},
        "attributeCondition": condition,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return parse_policy_set(json.dumps(provider), name="provider.json")


def test_two_unknown_things_of_one_token_are_not_one(prover: Prover) -> None:
    """Of more accounts than the solver sees, one may be the bad one and another not."""
    slots = " && ".join(f'{ACCOUNTS}[{i}] != "evil@x"' for i in range(6))
    old = _mapped(f'!("evil@x" in {ACCOUNTS})', "assertion.sub")
    new = _mapped(f'{slots} && !("b@x" in {ACCOUNTS})', "assertion.sub")
    found = prover.find_newly_admitted(old, new)
    assert isinstance(found, Found)
    assert found.token["google_service_accounts"].index("evil@x") >= 6  # type: ignore[attr-defined]


def test_what_a_mapping_leaves_unknown_says_nothing_of_the_condition(prover: Prover) -> None:
    policies = _mapped(f'!("evil@x" in {ACCOUNTS})', 'assertion.sub.split("/")[0]')
    answer = prover.prove(policies, f"size({ACCOUNTS}) <= 100")
    assert isinstance(answer, Undecided | Refuted)
    if isinstance(answer, Refuted) and answer.token is not None:
        assert len(answer.token["google_service_accounts"]) == 101  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "condition",
    ["assertion.new == 1.5", 'assertion.new.a.b == "x"', "assertion.new.exists(v, v == 2)"],
)
def test_of_a_claim_that_no_document_names_even_the_type_is_not_known(prover: Prover, condition: str) -> None:
    answer = prover.find_admitted(condition)
    assert isinstance(answer, Undecided) and answer.bounded
    assert "`new` has at most the types" in answer.reason
    assert isinstance(prover.assuming_documented().find_admitted(condition), NoneFound)


@pytest.mark.parametrize(
    "part",
    [
        f'double("{"1" * 1000}") > 1.0',
        f"int(double('{'1' * 1000}')) == 1",
        f'{ZONE}.extract("{{a}}{{b}}") == "x"',
        f'"{"x" * 40_000}" + {ZONE} + "{"x" * 40_000}" == "y"',
    ],
)
def test_what_is_not_known_of_constants_is_no_fact(prover: Prover, part: str) -> None:
    try:
        answer = prover.find_admitted(f"({part}) || !({part})")
    except InvalidExpression:
        return  # too long for a condition
    assert isinstance(answer, Undecided | Found)
