"""What is assumed of the issuer is true of what the issuer signed, and says something."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from policy.proving.smt.facts import FACTS, claims_of, connected
from policy.proving.smt.tokens import SAMPLE, conforms, fits
from policy.schema import ASSERTION

Token = dict[str, Any]


def test_every_fact_is_true_of_real_tokens(production_token: Token, debug_tokens: list[Token]) -> None:
    for token in (production_token, *debug_tokens):
        assert [fact.label for fact in FACTS if not fact.compiled.decide(token)] == []
        assert fits(token)


BROKEN: dict[str, Callable[[Token], object]] = {
    "a debug image has no support attribute": lambda token: token.update(dbgstat="enabled"),
    "an image that is LATEST is STABLE": lambda token: _attributes(token, "LATEST"),
    "an image that is STABLE is USABLE": lambda token: _attributes(token, "STABLE"),
    "an EXPERIMENTAL image is nothing else": lambda token: _attributes(token, "USABLE", "EXPERIMENTAL"),
    "where the operating system is not Confidential Space, there is no container": lambda token: (
        token.update(swname="GCE"),
        token["submods"].pop("confidential_space"),
    ),
    "where the operating system is not Confidential Space, nothing is said of one": lambda token: (
        token.update(swname="GCE"),
        token["submods"].pop("container"),
    ),
    "Confidential Space always says which container it runs": lambda token: token["submods"].pop("container"),
    "only Intel TDX machines speak of TDX": lambda token: token.update(
        tdx={"gcp_attester_tcb_status": "", "gcp_attester_tcb_date": ""}
    ),
    "`oemid` is Google's number, 11129": lambda token: token.update(oemid=1),
}


def _attributes(token: Token, *attributes: str) -> None:
    token["submods"]["confidential_space"]["support_attributes"] = list(attributes)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.label)
def test_every_fact_is_broken_by_one_change_and_no_other_fact_with_it(fact: Any) -> None:
    token = copy.deepcopy(dict(SAMPLE))
    BROKEN[fact.label](token)
    assert [each.label for each in FACTS if not each.compiled.decide(token)] == [fact.label]
    assert not fits(token)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.update(secboot="true"),
        lambda token: token.update(oemid=True),
        lambda token: token.update(iss="https://somebody-else.example"),
        lambda token: token.pop("dbgstat"),
        lambda token: token["submods"]["container"].update(image_digest="sha256:abc"),
        lambda token: token["submods"]["container"].update(args=[1]),
        lambda token: token["submods"]["gce"].pop("zone"),
        lambda token: token["submods"].update(container=None),
    ],
)
def test_a_token_of_another_type_does_not_conform(change: Callable[[Token], object]) -> None:
    token = copy.deepcopy(dict(SAMPLE))
    assert conforms(token, ASSERTION)
    change(token)
    assert not conforms(token, ASSERTION)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.update(hwmodel="INTEL_TDX"),
        lambda token: token["submods"].update(nvidia_gpu={"cc_mode": "NEW", "gpus": []}),
        lambda token: token.update(unknown=1),
        lambda token: token["submods"].update(quantum={}),
        lambda token: token["submods"]["confidential_space"].update(support_attributes=["FANTASTIC"]),
    ],
)
def test_what_is_not_documented_may_come_all_the_same(change: Callable[[Token], object]) -> None:
    token = copy.deepcopy(dict(SAMPLE))
    assert fits(token)
    change(token)
    assert fits(token, documented=False)
    assert not fits(token)


def test_facts_are_assumed_only_where_they_matter() -> None:
    (oemid,) = (fact for fact in FACTS if "oemid" in fact.label)
    assert connected(frozenset(("assertion.oemid",))) == [oemid]
    assert oemid not in connected(frozenset(("assertion.submods.container.image_digest",)))
    assert connected(frozenset(("assertion.submods.gce.zone",))) == []


def test_the_claims_of_an_expression_are_those_that_it_reads() -> None:
    (first, *_) = FACTS
    assert "assertion.dbgstat" in claims_of(first.tree)
