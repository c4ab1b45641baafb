"""A change of a policy: who is let in by it, who is kept out, and what in the text it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from policy.cel.condition import compile_condition
from policy.policy_set import PolicySet, parse_policy_set
from policy.proving.answers import Found, NoneFound
from policy.proving.differing import Change, Verdict, diff
from policy.proving.prover import Prover
from policy.proving.smt.tokens import fits

CONTAINER = "assertion.submods.container"
REFERENCE = f"{CONTAINER}.image_reference"
NOT_DEBUG = 'assertion.dbgstat == "disabled-since-boot"'
STABLE = '"STABLE" in assertion.submods.confidential_space.support_attributes'
DIGEST = f'{CONTAINER}.image_digest == "sha256:{"a" * 64}"'
PROJECT = 'assertion.submods.gce.project_id == "operator"'
GOOD = {
    "by digest": (NOT_DEBUG, STABLE, DIGEST, PROJECT),
    "by reference": (
        NOT_DEBUG,
        f'{REFERENCE}.startsWith("us-docker.pkg.dev/p/r/i@sha256:")',
        'assertion.google_service_accounts == ["a@p.iam.gserviceaccount.com"]',
    ),
    "by signature": (
        f"{CONTAINER}.image_signatures.exists(s,"
        ' s.key_id == "k" && s.signature_algorithm == "ECDSA_P256_SHA256")',
        'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_INTEL_TDX"]',
        f"(!has({CONTAINER}.env_override) || size({CONTAINER}.env_override) == 0)",
    ),
}


def conjunction(*clauses: str) -> str:
    return " && ".join(clauses)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (conjunction(NOT_DEBUG, DIGEST), conjunction(DIGEST, NOT_DEBUG), "equivalent"),
        (f"!({NOT_DEBUG} && {DIGEST})", f"!({NOT_DEBUG}) || !({DIGEST})", "equivalent"),
        (STABLE, conjunction(STABLE, NOT_DEBUG), "equivalent"),
        (DIGEST, conjunction(DIGEST, NOT_DEBUG), "stricter"),
        (conjunction(DIGEST, NOT_DEBUG), DIGEST, "looser"),
        (DIGEST, NOT_DEBUG, "incomparable"),
        ("", DIGEST, "stricter"),
        (
            f"{CONTAINER}.image_reference.startsWith('a/')",
            f"{CONTAINER}.image_reference.startsWith('a')",
            "looser",
        ),
        ("assertion.sub.split('/')[0] == 'a'", DIGEST, "undecided"),
    ],
)
def test_a_change_is_told_by_whom_it_lets_in_and_keeps_out(
    prover: Prover, old: str, new: str, verdict: Verdict
) -> None:
    difference = diff(old, new, prover)
    assert difference.verdict == verdict
    assert (difference.newly_admitted is not None) is (verdict in ("looser", "incomparable"))
    assert (difference.newly_refused is not None) is (verdict in ("stricter", "incomparable"))
    assert difference.grants_access is (verdict in ("looser", "incomparable", "undecided"))
    before, after = compile_condition(old), compile_condition(new)
    if difference.newly_admitted is not None:
        assert fits(difference.newly_admitted)
        assert after.decide(difference.newly_admitted) and not before.decide(difference.newly_admitted)
    if difference.newly_refused is not None:
        assert before.decide(difference.newly_refused) and not after.decide(difference.newly_refused)


def test_an_equivalence_names_the_facts_that_it_needs(prover: Prover) -> None:
    assert diff(STABLE, conjunction(STABLE, NOT_DEBUG), prover).assumptions == (
        "a debug image has no support attribute",
    )


def test_an_undecided_difference_says_why_and_passes_for_access(prover: Prover) -> None:
    difference = diff(DIGEST, "assertion.sub.split('/')[0] == 'a'", prover)
    assert "`split` of a claim cannot be decided" in difference.reason
    assert difference.grants_access


def test_what_changed_is_read_clause_by_clause(prover: Prover) -> None:
    old = conjunction(NOT_DEBUG, DIGEST, PROJECT)
    new = conjunction("'disabled-since-boot' == assertion.dbgstat", DIGEST.replace("aaa", "bbb"), STABLE)
    assert diff(old, new, prover).changes == (
        Change(provider="", before=DIGEST, after=DIGEST.replace("aaa", "bbb")),
        Change(provider="", before=PROJECT, after=""),
        Change(provider="", before="", after=STABLE),
    )


@pytest.mark.parametrize("name", GOOD)
def test_a_clause_taken_out_of_a_good_policy_is_new_access_or_proved_to_be_none(
    prover: Prover, name: str
) -> None:
    clauses = GOOD[name]
    for place in range(len(clauses)):
        rest = clauses[:place] + clauses[place + 1 :]
        difference = diff(conjunction(*clauses), conjunction(*rest), prover)
        assert difference.verdict in ("looser", "equivalent"), clauses[place]
        if difference.verdict == "equivalent":
            assert isinstance(
                prover.find_newly_admitted(conjunction(*clauses), conjunction(*rest)), NoneFound
            )
            assert difference.assumptions


WEAKER: dict[str, Callable[[str], str]] = {
    "or true": lambda clause: f"({clause} || true)",
    "or another claim": lambda clause: f"({clause} || assertion.secboot)",
    "equal becomes a start": lambda clause: _as_start(clause),
    "and becomes or": lambda clause: clause.replace(" && ", " || "),
}


def _as_start(clause: str) -> str:
    left, equals, right = clause.partition(" == ")
    is_plain = equals and right.startswith('"') and right.count('"') == 2
    return f"{left}.startsWith({right[:-4]}{right[-1]})" if is_plain else clause


@pytest.mark.parametrize("weakening", WEAKER)
@pytest.mark.parametrize("name", GOOD)
def test_a_clause_made_weaker_is_never_called_stricter(prover: Prover, name: str, weakening: str) -> None:
    clauses = list(GOOD[name])
    for place, clause in enumerate(clauses):
        weaker = [*clauses]
        weaker[place] = WEAKER[weakening](clause)
        difference = diff(conjunction(*clauses), conjunction(*weaker), prover)
        assert difference.verdict in ("looser", "equivalent"), weaker[place]
        if weakening == "or true" and difference.verdict == "equivalent":
            assert difference.assumptions


def test_a_digest_added_to_forty_is_the_one_that_is_newly_admitted(prover: Prover) -> None:
    def listing(count: int) -> str:
        return f"{CONTAINER}.image_digest in [{', '.join(repr(f'sha256:{n:064x}') for n in range(count))}]"

    difference = diff(listing(40), listing(41), prover)
    assert difference.verdict == "looser"
    found = prover.find_admitted(listing(41), f"!({listing(40)})")
    assert isinstance(found, Found)
    assert difference.newly_admitted == found.token


def providers(*several: tuple[str, str, dict[str, str], list[str]]) -> PolicySet:
    """Providers of one pool: name, condition, mapping and audiences of each."""
    return parse_policy_set(
        json.dumps(
            [
                {
                    "name": f"projects/1/locations/global/workloadIdentityPools/pool/providers/{name}",
                    "attributeMapping": mapping,
                    "attributeCondition": condition,
                    "oidc": {
                        "issuerUri": "https://confidentialcomputing.googleapis.com",
                        "allowedAudiences": audiences,
                    },
                }
                for name, condition, mapping, audiences in several
            ]
        ),
        name="providers.json",
    )


SECURE, ZONE = "assertion.secboot", 'assertion.submods.gce.zone == "a"'
LONG = {"google.subject": '"gcpcs::" + assertion.sub'}
SHORT = {"google.subject": "assertion.submods.gce.instance_id"}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (
            [("one-p", SECURE, LONG, []), ("two-p", ZONE, SHORT, [])],
            [("one-p", "false", LONG, []), ("two-p", f"{SECURE} || {ZONE}", SHORT, [])],
            "undecided",  # a long `sub` was refused by the mapping alone
        ),
        (
            [("one-p", SECURE, SHORT, ["a"]), ("two-p", ZONE, SHORT, ["b"])],
            [("one-p", f"{SECURE} || {ZONE}", SHORT, ["a"]), ("two-p", ZONE, SHORT, ["b"])],
            "undecided",  # a token for `a` was refused in that zone
        ),
        (
            [("one-p", SECURE, SHORT, []), ("two-p", ZONE, SHORT, [])],
            [("one-p", f"{SECURE} || {ZONE}", SHORT, []), ("two-p", ZONE, SHORT, [])],
            "undecided",
        ),
        ([("one-p", SECURE, SHORT, ["a"])], [("one-p", SECURE, SHORT, [])], "undecided"),
        ([("one-p", SECURE, SHORT, [])], [("two-p", SECURE, SHORT, [])], "equivalent"),
        (
            [("one-p", SECURE, LONG, []), ("two-p", ZONE, SHORT, ["b"])],
            [("one-p", SECURE, LONG, []), ("two-p", f"{ZONE} && {SECURE}", SHORT, ["b"])],
            "stricter",
        ),
        (
            [("one-p", SECURE, LONG, []), ("two-p", ZONE, SHORT, ["b"])],
            [("one-p", f"{SECURE} && {ZONE}", LONG, []), ("two-p", ZONE, SHORT, ["b"])],
            "stricter",
        ),
        (
            [("one-p", SECURE, LONG, []), ("two-p", ZONE, SHORT, ["b"])],
            [("one-p", SECURE, LONG, []), ("two-p", "true", SHORT, ["b"])],
            "looser",
        ),
        (
            [("one-p", SECURE, {"google.subject": "assertion.sub.split('/')[0]"}, [])],
            [("one-p", SECURE, {"google.subject": "assertion.sub.split('/')[0]"}, [])],
            "equivalent",  # what has no formula is the same on both sides
        ),
    ],
)
def test_what_one_provider_admits_counts_for_another_only_where_both_take_the_same_tokens(
    prover: Prover, old: Any, new: Any, verdict: Verdict
) -> None:
    difference = diff(providers(*old), providers(*new), prover)
    assert difference.verdict == verdict, difference
    assert "please report it" not in difference.reason


def test_a_mapping_that_has_no_formula_is_a_reason_and_no_mistake(prover: Prover) -> None:
    """Whether its subject is there is only guessed, the same for both: another provider shows that."""
    lowered = {"google.subject": f"{ZONE.partition(' ')[0]}.split('/')[0]"}
    old = providers(("one-p", SECURE, lowered, ["a"]))
    new = providers(("one-p", SECURE, SHORT, ["a"]))
    difference = diff(old, new, prover)
    assert difference.verdict == "undecided"
    assert "please report it" not in difference.reason
