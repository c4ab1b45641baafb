"""Typed conditions and CEL say the same, both ways."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.errors import Misconfigured
from policy import schema
from policy.attribute_conditions import (
    AttributeConditions,
    How,
    Signer,
    What,
    Where,
    Who,
    parse_condition,
    render_condition,
)
from policy.cel import InvalidExpression, parse
from policy.cel.check import check
from policy.explaining import explain
from policy.mapping import RECOMMENDED_MAPPING

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def some(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most, unique=True).map(tuple)


CONDITIONS = st.builds(
    AttributeConditions,
    what=st.builds(
        What,
        image_digests=some(HEX.map("sha256:".__add__)),
        image_references=some(TEXT),
        signers=some(st.builds(Signer, key_id=HEX, algorithm=st.sampled_from(schema.SIGNATURE_ALGORITHMS))),
    ),
    where=st.builds(
        Where,
        swname=st.none() | st.sampled_from(("CONFIDENTIAL_SPACE", "GCE")),
        support_attribute=st.none() | st.sampled_from(schema.SUPPORT_ATTRIBUTES),
        dbgstat=st.none() | st.sampled_from(("enabled", "disabled-since-boot")),
        hwmodels=some(st.sampled_from(schema.ENCRYPTED_MEMORY)),
        secboot=st.none() | st.booleans(),
        memory_monitoring=st.none() | st.booleans(),
        gpu_cc_mode=st.none() | st.sampled_from(schema.GPU_MODES),
    ),
    who=st.builds(
        Who,
        service_accounts=some(
            st.from_regex(r"[a-z0-9]{1,8}@[a-z]{1,8}\.iam\.gserviceaccount\.com", fullmatch=True)
        ),
        project_ids=some(st.from_regex(r"([a-z]{1,5}\.com:)?[a-z][a-z0-9-]{0,12}", fullmatch=True)),
        project_numbers=some(st.from_regex(r"[0-9]{1,20}", fullmatch=True)),
    ),
    how=st.builds(
        How,
        args=st.none() | st.lists(TEXT | st.just(""), max_size=3).map(tuple),
        cmd_override=st.none() | st.lists(TEXT, max_size=3).map(tuple),
        env_override=st.none() | some(TEXT),
    ),
)


@given(CONDITIONS.filter(lambda conditions: conditions != AttributeConditions()))
@settings(max_examples=150)
def test_what_is_rendered_is_parsed_back_and_rendered_alike(conditions: AttributeConditions) -> None:
    text = render_condition(conditions)
    assert parse_condition(text) == conditions
    assert render_condition(parse_condition(text)) == text


FULL = AttributeConditions(
    what=What(
        image_digests=("sha256:" + "a" * 64, "sha256:" + "e" * 64),
        image_references=("us-docker.pkg.dev/primus/repo/workload:latest",),
        signers=(Signer(key_id="c" * 64, algorithm="ECDSA_P256_SHA256"),),
    ),
    where=Where(
        swname="CONFIDENTIAL_SPACE",
        support_attribute="STABLE",
        dbgstat="disabled-since-boot",
        hwmodels=schema.ENCRYPTED_MEMORY,
        secboot=True,
        memory_monitoring=False,
        gpu_cc_mode="ON",
    ),
    who=Who(
        service_accounts=("workload-sa@secundus.iam.gserviceaccount.com",),
        project_ids=("secundus",),
        project_numbers=("987654321098", "1"),
    ),
    how=How(args=("python", "-m", "workload"), cmd_override=(), env_override=("INPUT_URI", "TOP_K")),
)


def test_the_full_condition_is_this_text() -> None:
    assert render_condition(FULL).split(" && ") == [
        f'assertion.submods.container.image_digest in ["sha256:{"a" * 64}", "sha256:{"e" * 64}"]',
        'assertion.submods.container.image_reference == "us-docker.pkg.dev/primus/repo/workload:latest"',
        "assertion.submods.container.image_signatures.exists(signature, signature.signature_algorithm"
        f' + ":" + signature.key_id in ["ECDSA_P256_SHA256:{"c" * 64}"])',
        'assertion.swname == "CONFIDENTIAL_SPACE"',
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        'assertion.dbgstat == "disabled-since-boot"',
        'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"]',
        "assertion.secboot == true",
        "assertion.submods.confidential_space.monitoring_enabled.memory == false",
        'assertion.submods.nvidia_gpu.cc_mode == "ON"',
        'assertion.google_service_accounts == ["workload-sa@secundus.iam.gserviceaccount.com"]',
        'assertion.submods.gce.project_id == "secundus"',
        'assertion.submods.gce.project_number in ["987654321098", "1"]',
        'assertion.submods.container.args == ["python", "-m", "workload"]',
        "(!has(assertion.submods.container.cmd_override)"
        " || size(assertion.submods.container.cmd_override) == 0)",
        "(!has(assertion.submods.container.env_override)"
        ' || assertion.submods.container.env_override.all(name, name in ["INPUT_URI", "TOP_K"]))',
    ]


def test_the_good_token_is_admitted_by_every_clause(good: dict[str, Any]) -> None:
    trace = explain(render_condition(FULL), assertion=good)
    assert trace.admitted, [clause.reason for clause in trace.clauses if clause.outcome != "true"]
    assert check(parse(render_condition(FULL))) == ()


ABSENT = object()
CHANGES = [
    ("image_digest", "submods.container.image_digest", ["sha256:" + "f" * 64, None, ABSENT]),
    ("image_reference", "submods.container.image_reference", ["us-docker.pkg.dev/evil", ABSENT]),
    ("image_signatures", "submods.container.image_signatures", [[], None, ABSENT, [{"key_id": "c" * 64}]]),
    ("swname", "swname", ["GCE", ABSENT, None]),
    (
        "support_attributes",
        "submods.confidential_space.support_attributes",
        [["USABLE"], [], ABSENT, "STABLE"],
    ),
    ("dbgstat", "dbgstat", ["enabled", ABSENT, True]),
    ("hwmodel", "hwmodel", ["GCP_SHIELDED_VM", ABSENT]),
    ("secboot", "secboot", [False, ABSENT, "true", 1]),
    ("monitoring_enabled", "submods.confidential_space.monitoring_enabled.memory", [True, ABSENT, 0]),
    ("nvidia_gpu", "submods.nvidia_gpu.cc_mode", ["OFF", "DEVTOOLS", ABSENT]),
    (
        "google_service_accounts",
        "google_service_accounts",
        [["a@b"], [], ABSENT, ["workload-sa@secundus.iam.gserviceaccount.com", "extra@x"]],
    ),
    ("project_id", "submods.gce.project_id", ["mallory", ABSENT]),
    ("project_number", "submods.gce.project_number", ["2", 1, ABSENT]),
    ("container.args", "submods.container.args", [["sh"], ABSENT, []]),
    ("cmd_override", "submods.container.cmd_override", [["sh"], "sh", 1]),
    ("env_override", "submods.container.env_override", [{"LD_PRELOAD": "x"}, {"TOP_K": "1", "X": "2"}, 1]),
]


@pytest.mark.parametrize(
    ("clause_names", "path", "value"),
    [(name, path, value) for name, path, values in CHANGES for value in values],
    ids=[f"{path}-{number}" for _, path, values in CHANGES for number, _ in enumerate(values)],
)
def test_one_changed_claim_is_denied_by_its_own_clause_alone(
    good: dict[str, Any], clause_names: str, path: str, value: object
) -> None:
    *parents, last = path.split(".")
    place = good
    for key in parents:
        place = place[key]
    if value is ABSENT:
        place.pop(last)
    else:
        place[last] = value
    clauses = explain(render_condition(FULL), assertion=good).clauses
    failing = [clause for clause in clauses if clause.outcome != "true"]
    assert len(failing) == 1
    assert clause_names in failing[0].text
    assert last in failing[0].reason
    assert failing[0].fix


@pytest.mark.parametrize("value", [ABSENT, {}, {"INPUT_URI": "gs://other"}])
def test_overrides_that_are_allowed_or_not_there_are_admitted(good: dict[str, Any], value: object) -> None:
    container = good["submods"]["container"]
    container.pop("env_override")
    if value is not ABSENT:
        container["env_override"] = value
    assert explain(render_condition(FULL), assertion=good).admitted


def test_an_exact_override_of_the_command_can_be_asked(good: dict[str, Any]) -> None:
    text = render_condition(AttributeConditions(how=How(cmd_override=("--fast",))))
    assert not explain(text, assertion=good).admitted
    good["submods"]["container"]["cmd_override"] = ["--fast"]
    assert explain(text, assertion=good).admitted


def test_one_of_several_accounts_is_enough_but_never_two(good: dict[str, Any]) -> None:
    one, other = (f"{name}@secundus.iam.gserviceaccount.com" for name in ("one", "other"))
    text = render_condition(AttributeConditions(who=Who(service_accounts=(one, other))))
    for accounts, admitted in (([one], True), ([other], True), ([one, other], False), ([], False)):
        assert explain(text, assertion=good | {"google_service_accounts": accounts}).admitted is admitted


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("assertion.swname == 'GCE' && assertion.zone == 'a'", "assertion.zone == 'a'"),
        ("assertion.secboot", "assertion.secboot"),
        ("assertion.swname == 'GCE' || true", "assertion.swname == 'GCE' || true"),
        ("assertion.swname != 'GCE'", "assertion.swname != 'GCE'"),
        ("assertion.dbgstat in ['enabled']", "assertion.dbgstat in ['enabled']"),
        ("assertion.hwmodel in []", "assertion.hwmodel in []"),
        ("assertion.hwmodel in [1]", "assertion.hwmodel in [1]"),
        ("assertion.secboot == 'true'", "assertion.secboot == 'true'"),
        ("'a' in assertion.google_service_accounts", "'a' in assertion.google_service_accounts"),
        ("assertion.swname == 'GCE' && assertion.swversion == []", "assertion.swversion == []"),
        ("assertion.secboot == true && size(assertion.aud) == 0", "size(assertion.aud) == 0"),
    ],
)
def test_a_clause_of_another_shape_is_refused_by_its_place(text: str, clause: str) -> None:
    with pytest.raises(InvalidExpression, match="no attribute condition of ours says") as refusal:
        parse_condition(text)
    assert text[slice(*refusal.value.span)] == clause


def test_a_field_asked_twice_is_refused() -> None:
    text = "assertion.swname == 'GCE' && assertion.swname == 'CONFIDENTIAL_SPACE'"
    with pytest.raises(InvalidExpression, match=r"`where\.swname` is asked twice"):
        parse_condition(text)


def test_other_ways_to_write_the_same_clause_are_read() -> None:
    loose = "(assertion.hwmodel in ['GCP_AMD_SEV']) && ((assertion.secboot==true))"
    assert parse_condition(loose) == AttributeConditions(where=Where(hwmodels=("GCP_AMD_SEV",), secboot=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: What(image_digests=("sha256:A",)), "`sha256:A` is not a digest"),
        (lambda: Who(project_ids=("",)), "`project_ids` must be a list of strings that are not empty"),
        (lambda: What(image_references=("a", "a")), "`image_references` says something twice"),
        (lambda: Signer(key_id="c" * 64, algorithm="RSA"), "`RSA` is not documented for `algorithm`"),
        (lambda: Signer(key_id="x", algorithm="ECDSA_P256_SHA256"), "`x` is no key ID"),
        (lambda: Where(dbgstat="enable"), "`enable` is not documented for `dbgstat`"),
        (lambda: Where(swname="LINUX"), "`LINUX` is not documented for `swname`"),
        (lambda: Where(hwmodels=("INTEL_TDX",)), "`INTEL_TDX` is not documented for `hwmodels`"),
        (lambda: Where(support_attribute="stable"), "`stable` is not documented for `support_attribute`"),
        (lambda: Where(gpu_cc_mode="on"), "`on` is not documented for `gpu_cc_mode`"),
        (lambda: Who(service_accounts=("me",)), "`me` is no service account's e-mail address"),
        (lambda: Who(service_accounts=("a@b.cd",)), "`a@b.cd` is no service account's e-mail address"),
        (lambda: Who(project_ids=("A B",)), "`A B` is no project ID"),
        (lambda: Who(project_numbers=("secundus",)), "`secundus` is no project number"),
        (lambda: How(env_override=("A", "A")), "`env_override` says something twice"),
    ],
)  # fmt: skip
def test_a_value_that_a_token_never_has_is_refused(make: Any, message: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        make()
    assert refusal.value.message == message


def test_asking_nothing_is_refused() -> None:
    with pytest.raises(Misconfigured, match="asks nothing and would admit every token"):
        render_condition(AttributeConditions())


def test_a_condition_beyond_googles_limit_is_refused() -> None:
    digests = tuple(f"sha256:{number:064x}" for number in range(60))
    with pytest.raises(Misconfigured, match=r"characters, Google's limit is 4,096"):
        render_condition(AttributeConditions(what=What(image_digests=digests)))
    assert parse_condition(render_condition(replace(FULL, what=What(image_digests=digests[:20]))))


def test_a_string_that_cel_cannot_hold_is_refused() -> None:
    with pytest.raises(Misconfigured, match="lone surrogate"):
        render_condition(AttributeConditions(how=How(args=("\ud800",))))


def test_the_recommended_mapping_reads_claims_that_exist() -> None:
    for expression in RECOMMENDED_MAPPING.values():
        assert [finding for finding in check(parse(expression)) if finding.rule != "not-boolean"] == []
    assert copy.copy(RECOMMENDED_MAPPING).keys() == {"google.subject", "attribute.image_digest"}
