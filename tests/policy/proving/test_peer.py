"""Google's own runtime as a second reader of a policy."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving import peer as peers
from policy.proving.hostile_tokens import hostile_tokens
from policy.proving.peer import NoPeer, Peer
from policy.proving.smt.admission import admissions_of
from policy.proving.smt.tokens import SAMPLE
from tests.policy.proving.asking import HARDENED


def provider(condition: str, **mapping: str) -> PolicySet:
    document = {
        "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/prov",
        "attributeMapping": {"google.subject": "assertion.sub"} | mapping,
        "attributeCondition": condition,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return parse_policy_set(json.dumps(document), name="provider.json")


@pytest.mark.parametrize(
    "policies",
    [
        policy_set_of(HARDENED),
        policy_set_of('!("evil@x" in assertion.google_service_accounts) && assertion.hwmodel != "X"'),
        provider(
            'attribute.zone.startsWith("us") && assertion.iat < 9007199254740993',
            **{"google.subject": '"s::" + assertion.submods.gce.instance_name'},
            **{"attribute.zone": "assertion.submods.gce.zone"},
        ),
    ],
)
def test_two_readers_agree_on_hostile_tokens(policies: PolicySet) -> None:
    peer = Peer(policies)
    trees = [tree for each in admissions_of(policies) for tree in each.trees]
    outcomes = []
    for token in hostile_tokens(trees, near=[SAMPLE], seed=3, count=1_000):
        ours = policies.outcome(token)
        outcomes.append(ours)
        assert ours == "unknown" or (ours == "admitted") is any(peer.admits(token)), token
    assert {"refused"} <= set(outcomes)


def test_each_provider_answers_for_itself() -> None:
    assert Peer(provider('assertion.sub == "s"')).admits({"sub": "s"}) == (True,)
    assert Peer(provider('assertion.sub == "s"')).admits({"sub": "t"}) == (False,)
    assert Peer(provider("true")).admits({"no": "subject"}) == (False,)


def test_a_condition_reads_all_roots_given_or_mapped() -> None:
    text = 'assertion.sub == "s" && google.subject == "g" && attribute.zone == "z"'
    given = Peer(policy_set_of(text))
    assert given.admits({"sub": "s"}, {"subject": "g"}, {"zone": "z"}) == (True,)
    assert given.admits({"sub": "s"}, {"subject": "g"}, {"zone": "y"}) == (False,)
    assert given.admits({"sub": "s"}) == (False,)
    assert Peer(policy_set_of("!has(google.subject) && !has(attribute.zone)")).admits({}) == (True,)
    mapped = Peer(provider(text, **{"google.subject": '"g"', "attribute.zone": "assertion.zone"}))
    assert mapped.admits({"sub": "s", "zone": "z"}) == (True,)
    assert mapped.admits({"sub": "s", "zone": "y"}) == (False,)
    assert Peer(provider("")).admits({"sub": "s"}) == (True,)


def test_only_a_provider_that_admits_the_token_sees_it_as_admitted() -> None:
    peer = Peer(provider('assertion.zone == "z"'))
    (seen,) = peer.admitted({"sub": "s", "zone": "z"})
    assert peer.is_true(peer.compiled('google.subject == "s"'), seen)
    assert peer.admitted({"sub": "s", "zone": "y"}) == []
    assert peer.admitted({"zone": "z"}) == []  # the mapping refuses it


def test_what_ends_an_evaluation_is_not_true() -> None:
    peer = Peer(policy_set_of("true"))
    (seen,) = peer.sees({"a": "k", "b": "k"})
    assert peer.is_true(peer.compiled('{assertion.a: 1, assertion.b: 2}["k"] == 1'), seen) is False


def test_what_a_checker_of_types_would_refuse_is_asked_all_the_same() -> None:
    assert Peer(policy_set_of('1 == "a" || assertion.sub == "s"')).admits({"sub": "s"}) == (True,)


@pytest.mark.parametrize(
    ("condition", "why"),
    [('assertion.sub == "a\\x00b"', "NUL"), (f"{'(' * 40}true{')' * 40}", "nested deeply")],
)
def test_a_policy_that_the_runtime_cannot_read_has_no_peer(condition: str, why: str) -> None:
    with pytest.raises(NoPeer, match=why):
        Peer(policy_set_of(condition))


def test_an_expression_may_be_longer_than_a_condition_and_not_without_end() -> None:
    peer = Peer(policy_set_of("true"))
    (seen,) = peer.sees({})
    longest = "true" + " " * (100_000 - 4)
    assert peer.is_true(peer.compiled(longest), seen)
    with pytest.raises(NoPeer, match="100,000 characters"):
        peer.compiled(f"{longest} ")


def test_one_look_at_a_token_answers_for_many_expressions() -> None:
    peer = Peer(policy_set_of("true"))
    texts = (
        'assertion.submods.container.image_digest.startsWith("sha256:")',
        "assertion.eat_nonce.exists(each, size(each) > 3)",
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        'assertion.nope == "x"',
        'assertion.nope == "x" || assertion.hwmodel != "GCP_INTEL_TDX"',
    )
    asked = [peer.compiled(text) for text in texts]
    trees = [tree for text in texts for each in admissions_of(policy_set_of(text)) for tree in each.trees]
    outcomes = set()
    for token in hostile_tokens(trees, near=[SAMPLE], seed=4, count=300):
        (seen,) = peer.sees(token)
        together = [peer.is_true(each, seen) for each in asked]
        assert together == [peer.is_true(each, *peer.sees(token)) for each in asked]
        assert together == [policy_set_of(text).outcome(token) == "admitted" for text in texts], token
        outcomes.add(tuple(together))
    assert len(outcomes) > 4


def test_a_disjunction_is_true_where_one_part_errs_and_another_is_true() -> None:
    peer = Peer(policy_set_of("true"))
    (seen,) = peer.sees({"sub": "s"})
    assert peer.is_true(peer.compiled('(assertion.nope == "x") || (assertion.sub == "s")'), seen)
    assert not peer.is_true(peer.compiled('(assertion.nope == "x") || (assertion.sub == "t")'), seen)


def test_a_policy_that_calls_iams_own_function_has_no_peer() -> None:
    with pytest.raises(NoPeer, match="extract"):
        Peer(policy_set_of('assertion.sub.extract("projects/{p}/") == "x"'))
    with pytest.raises(NoPeer, match="extract"):
        Peer(provider("true", **{"attribute.p": 'assertion.sub.extract("projects/{p}/")'}))


def test_a_null_of_googles_runtime_takes_no_count_of_none() -> None:
    """Its bindings do, once for each `value()` of a null: a long attack ended the process."""
    peer = Peer(provider("true", **{"google.subject": "null"}))
    before = sys.getrefcount(None)
    for _ in range(1_000):
        assert peer.admits({}) == (False,)
    assert sys.getrefcount(None) > before - 500


def test_without_the_library_there_is_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., Any] = builtins.__import__

    def absent(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("cel_expr_python"):
            raise ImportError(name)
        return found(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setattr(peers, "_runtime", peers._runtime.__wrapped__)  # whatever was found before
    with pytest.raises(NoPeer, match="not installed"):
        Peer(policy_set_of("true"))
