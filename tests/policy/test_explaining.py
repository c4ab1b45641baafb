"""One evaluation decides and explains, and its words name the claim, the value and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Misconfigured
from policy.explaining import Clause, compile_condition, decide, explain

SPACE = "assertion.submods.confidential_space"
CONTAINER = "assertion.submods.container"
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "d" * 64
Change = Callable[[dict[str, Any]], object]


def only(text: str, token: dict[str, Any]) -> Clause:
    (clause,) = explain(text, assertion=token).clauses
    return clause


def test_a_trace_has_a_clause_for_every_conjunct_and_admits_when_all_are_true(good: dict[str, Any]) -> None:
    text = 'assertion.swname == "CONFIDENTIAL_SPACE" && (assertion.secboot && (1 == 1 || false))'
    trace = explain(text, assertion=good)
    assert trace.admitted is True
    assert [text[slice(*clause.span)] for clause in trace.clauses] == [
        'assertion.swname == "CONFIDENTIAL_SPACE"',
        "assertion.secboot",
        "1 == 1 || false",
    ]
    assert [clause.text for clause in trace.clauses] == [text[slice(*c.span)] for c in trace.clauses]
    assert [clause.outcome for clause in trace.clauses] == ["true"] * 3
    assert [clause.fix for clause in trace.clauses] == [""] * 3
    assert trace.clauses[0].claims == {"swname": "CONFIDENTIAL_SPACE"}
    assert trace.clauses[0].reason == '`swname` is "CONFIDENTIAL_SPACE"'


def test_every_clause_is_evaluated_though_an_earlier_one_denies(good: dict[str, Any]) -> None:
    trace = explain("false && assertion.nothing && true && 'text'", assertion=good)
    assert [clause.outcome for clause in trace.clauses] == ["false", "error", "true", "error"]
    assert trace.admitted is False


CASES: list[tuple[str, Change, str, str, str]] = [
    (
        'assertion.dbgstat == "disabled-since-boot"',
        lambda token: token.update(dbgstat="enabled"),
        "false",
        '`dbgstat` is "enabled", must be "disabled-since-boot"',
        "operator: launch a production image: `--image-family=confidential-space`, not"
        " `confidential-space-debug`",
    ),
    (
        f'"STABLE" in {SPACE}.support_attributes',
        lambda token: token["submods"]["confidential_space"].pop("support_attributes"),
        "error",
        "`submods.confidential_space.support_attributes` is absent (debug images have none), must contain"
        ' "STABLE"',
        "operator: launch a production image: `--image-family=confidential-space`, in a version that Google"
        ' still marks "STABLE"',
    ),
    (
        f'{CONTAINER}.image_digest == "{DIGEST}"',
        lambda token: token["submods"]["container"].update(image_digest=OTHER),
        "false",
        f'`submods.container.image_digest` is "{OTHER}", must be "{DIGEST}"',
        f'operator: launch, by `tee-image-reference`, the image whose digest is "{DIGEST}"; or owner: admit'
        f' "{OTHER}" too, if it is meant',
    ),
    (
        'assertion.google_service_accounts == ["workload-sa@secundus.iam.gserviceaccount.com"]',
        lambda token: token.update(google_service_accounts=["mallory@evil.example"]),
        "false",
        '`google_service_accounts` is ["mallory@evil.example"], must be'
        ' ["workload-sa@secundus.iam.gserviceaccount.com"]',
        "operator: launch with `--service-account` so that the VM's accounts are"
        ' ["workload-sa@secundus.iam.gserviceaccount.com"]; or owner: admit ["mallory@evil.example"] too, if'
        " it is meant",
    ),
    (
        f"!has({CONTAINER}.cmd_override) || size({CONTAINER}.cmd_override) == 0",
        lambda token: token["submods"]["container"].update(cmd_override=["sh"]),
        "false",
        'none of 2 alternatives is true: (1) `submods.container.cmd_override` is ["sh"], must be absent; (2)'
        ' `submods.container.cmd_override` is ["sh"], must be empty',
        "operator: launch without `tee-cmd`",
    ),
    (
        f'{CONTAINER}.env_override.all(name, name in ["INPUT_URI"])',
        lambda token: token["submods"]["container"].update(env_override={"LD_PRELOAD": "x"}),
        "false",
        '`submods.container.env_override` is {"LD_PRELOAD": "x"}, must hold only "INPUT_URI"',
        'operator: launch with no `tee-env-…` but "INPUT_URI"',
    ),
    (
        'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_INTEL_TDX"]',
        lambda token: token.update(hwmodel="GCP_SHIELDED_VM"),
        "false",
        '`hwmodel` is "GCP_SHIELDED_VM", must be "GCP_AMD_SEV" or "GCP_INTEL_TDX"',
        'operator: launch with the `--confidential-compute-type` (SEV, TDX) that makes it "GCP_AMD_SEV" or'
        ' "GCP_INTEL_TDX"',
    ),
    (
        "assertion.secboot",
        lambda token: token.update(secboot=False),
        "false",
        "`secboot` is false, must be true",
        "operator: launch with `--shielded-secure-boot`",
    ),
    (
        "assertion.iat",
        lambda token: token.update(iat=1),
        "error",
        "the clause is an int, 1, and only `true` admits; the condition is an int, never true",
        "owner: compare it with something, so that it is true or false",
    ),
    (
        "!has(assertion.submods.nvidia_gpu)",
        lambda token: None,
        "false",
        '`submods.nvidia_gpu` is {"cc_mode": "ON", "gpus": []}, must be absent',
        "operator: launch on a machine type without a GPU",
    ),
    (
        'assertion.google_service_account == "a"',
        lambda token: None,
        "error",
        '`google_service_account` is absent, must be "a"; `google_service_account` is no documented claim of'
        " the token",
        "owner: did you mean `google_service_accounts`?",
    ),
    (
        f'"{DIGEST}" in {CONTAINER}.image_digest',
        lambda token: None,
        "error",
        f'`submods.container.image_digest` is "{DIGEST}": `in` does not take (string, string); `in` looks'
        " into a list or a map, not into a string",
        "owner: write `==`, or `.contains(…)`",
    ),
    (
        "'assertion.secboot == true'",
        lambda token: None,
        "error",
        'the clause is a string, "assertion.secboot == true", and only `true` admits; the condition is a'
        " string, never true",
        "owner: take the comparison out of its quotes",
    ),
    (
        "false",
        lambda token: None,
        "false",
        "always false, must satisfy `false`",
        "owner: change this clause, no launch makes it true",
    ),
    (
        "assertion.exp - assertion.iat < 60",
        lambda token: None,
        "false",
        "`exp` is 1800003600 (2027-01-15T09:00:00Z) and `iat` is 1800000000 (2027-01-15T08:00:00Z), "
        "must satisfy `assertion.exp - assertion.iat < 60`",
        "owner: change this clause, no launch makes it true",
    ),
    (
        "assertion.submods.gce.zone.startsWith('europe-')",
        lambda token: None,
        "false",
        '`submods.gce.zone` is "us-west1-b", must start with "europe-"',
        'operator: launch with `--zone` starting with "europe-"',
    ),
    (
        "assertion.swversion[0] > '250801'",
        lambda token: None,
        "false",
        '`swversion[0]` is "250800", must be > "250801"',
        "owner: change this clause, no launch makes it true",
    ),
    (
        "(assertion.swname == 'GCE' && true) || assertion.secboot == false",
        lambda token: None,
        "false",
        'none of 2 alternatives is true: (1) `swname` is "CONFIDENTIAL_SPACE", must be "GCE"; (2) `secboot`'
        " is true, must be false",
        'operator: `swname` must be "GCE"; or operator: launch without `--shielded-secure-boot`',
    ),
    (
        "(assertion.swname == 'GCE' && 1 == 1) || (assertion.secboot == false && 1 == 2)",
        lambda token: token["submods"].clear(),
        "false",
        'none of 2 alternatives is true: (1) `swname` is "CONFIDENTIAL_SPACE", must be "GCE"; (2) `secboot`'
        " is true, must be false",
        'operator: `swname` must be "GCE"; or operator: launch without `--shielded-secure-boot`',
    ),
    (
        "(assertion.dbgstat == 'enabled' || assertion.secboot == false) && 1 == 2 || assertion.oemid == 1",
        lambda token: None,
        "false",
        "none of 2 alternatives is true: (1) none of 2 alternatives is true: (1) `dbgstat` is"
        ' "disabled-since-boot", must be "enabled"; (2) `secboot` is true, must be false; (2) `oemid` is'
        " 11129, must be 1",
        "operator: launch a debug image: `--image-family=confidential-space-debug`",
    ),
    (
        "assertion.oemid == 1 || false",
        lambda token: None,
        "false",
        "none of 2 alternatives is true: (1) `oemid` is 11129, must be 1; (2) always false, must satisfy"
        " `false`",
        "owner: change this clause, no launch makes it true",
    ),
]


@pytest.mark.parametrize(
    ("text", "change", "outcome", "reason", "fix"), CASES, ids=[c[0][:60] for c in CASES]
)
def test_a_failing_clause_names_the_value_what_it_must_be_and_who_can_change_it(
    good: dict[str, Any], text: str, change: Change, outcome: str, reason: str, fix: str
) -> None:
    change(good)
    clause = only(text, good)
    assert (clause.outcome, clause.reason, clause.fix) == (outcome, reason, fix)


def test_mapped_attributes_are_read_and_the_owner_is_named(good: dict[str, Any]) -> None:
    trace = explain(
        'google.subject == "a" && attribute.zone == "b"',
        assertion=good,
        google={"subject": "x"},
        attribute={"zone": "b"},
    )
    assert [clause.outcome for clause in trace.clauses] == ["false", "true"]
    assert trace.clauses[0].claims == {"google.subject": "x"}
    assert trace.clauses[0].reason == '`google.subject` is "x", must be "a"'
    assert trace.clauses[0].fix == "owner: the mapping decides what `google.subject` is"


def test_an_alternative_that_was_not_needed_is_not_among_the_claims_read(good: dict[str, Any]) -> None:
    clause = only("assertion.secboot || assertion.swname == 'GCE'", good)
    assert clause.claims == {"secboot": True}


def test_absent_claims_are_told_apart_from_null_ones(good: dict[str, Any]) -> None:
    good["submods"]["container"]["cmd_override"] = None
    text = f"{CONTAINER}.cmd_override == null && !has({CONTAINER}.nothing)"
    null, absent = explain(text, assertion=good).clauses
    assert (null.claims, null.absent) == ({"submods.container.cmd_override": None}, ())
    assert (absent.claims, absent.absent) == ({}, ("submods.container.nothing",))


def test_values_in_words_are_one_line_and_bounded(good: dict[str, Any]) -> None:
    good["swname"] = "x\n\x1b[31m\u202e" + "y" * 5_000
    reason = only("assertion.swname == 'CONFIDENTIAL_SPACE'", good).reason
    assert reason.isprintable()
    assert len(reason) < 300
    good["swname"] = {"a": [[[[["deep"] * 100] * 100] * 100] * 100] * 100}
    assert len(only("assertion.swname == 'CONFIDENTIAL_SPACE'", good).reason) < 5_000


def test_a_text_that_is_no_condition_is_refused(good: dict[str, Any]) -> None:
    for ask in (decide, explain):
        with pytest.raises(Misconfigured):
            ask("assertion.", assertion=good)


def test_without_a_condition_every_token_is_admitted() -> None:
    assert decide(" \n", assertion={})
    trace = explain("", assertion={})
    assert (trace.admitted, trace.clauses) == (True, ())


def test_the_quick_path_never_disagrees_with_the_trace(maker: Any) -> None:
    admitted = 0
    for _ in range(1_500):
        condition = compile_condition(maker.condition())
        for _ in range(4):
            token = maker.token()
            trace = explain(condition, assertion=token)
            assert decide(condition, assertion=token) is trace.admitted, (condition.text, token)
            assert trace.admitted is all(clause.outcome == "true" for clause in trace.clauses)
            admitted += trace.admitted
    assert admitted > 100


def test_every_explanation_of_a_random_condition_can_be_worded(maker: Any) -> None:
    for _ in range(400):
        token = maker.token()
        for clause in explain(maker.condition(), assertion=token).clauses:
            assert clause.reason.isprintable()
            assert (clause.fix == "") is (clause.outcome == "true")
            for path, value in clause.claims.items():
                assert found_in(token, path) == value


def found_in(token: Any, path: str) -> Any:
    for key in path.replace('["', ".").replace('"]', "").split("."):
        name, _, position = key.partition("[")
        token = token[name] if not position else token[name][int(position.rstrip("]"))]
    return token


def test_what_a_trace_says_does_not_change_when_the_condition_is_evaluated_again(
    good: dict[str, Any],
) -> None:
    condition = compile_condition('assertion.swname == "GCE"')
    first = explain(condition, assertion=good)
    explain(condition, assertion={"swname": "GCE"})
    assert first.clauses[0].claims == {"swname": "CONFIDENTIAL_SPACE"}
    assert first.admitted is False


@pytest.mark.parametrize(
    ("condition", "nonce"),
    [
        ('"abcdefghij" in assertion.eat_nonce', "abcdefghij"),
        ('assertion.eat_nonce == "abcdefghij"', ["abcdefghij", "other"]),
        ('assertion.secboot && assertion.eat_nonce in ["abcdefghij", "b"]', ["abcdefghij"]),
    ],
)
def test_a_nonce_in_the_other_shape_is_the_owners_to_mend(condition: str, nonce: object) -> None:
    clauses = explain(condition, assertion={"secboot": True, "eat_nonce": nonce}).clauses
    assert clauses[-1].fix == (
        "owner: `eat_nonce` is a string or a list, ask for both: `(type(assertion.eat_nonce) == string ?"
        ' assertion.eat_nonce == "abcdefghij" : "abcdefghij" in assertion.eat_nonce)`'
    )


def test_a_nonce_in_the_right_shape_is_the_publishers_to_set() -> None:
    clauses = explain('"abcdefghij" in assertion.eat_nonce', assertion={"eat_nonce": ["other"]}).clauses
    assert clauses[0].fix == 'publisher: `eat_nonce` must contain "abcdefghij"'
