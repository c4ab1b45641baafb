"""What is told of a refused token: its claims, without what may be somebody's secret, and not endless."""

from __future__ import annotations

from typing import Any

from attestation.errors import Denied
from tests.tokens import production_claims
from workload.refusal import MOST_BYTES, REDACTED, Presented, claims_of


def refused(claims: Any) -> Denied:
    failure = Denied("no")
    failure.__cause__ = Presented(claims)
    return failure


def with_container(**changes: object) -> Any:
    claims = production_claims()
    claims["submods"]["container"] |= changes
    return claims


def test_every_claim_is_told() -> None:
    assert claims_of(refused(production_claims())) == production_claims()


def test_of_a_variable_that_is_not_known_here_the_value_is_left_out() -> None:
    env = {"PATH": "/usr/bin", "INPUT_URI": "gs://in", "HOSTNAME": "vm", "API_KEY": "hunter2"}
    claims = claims_of(refused(with_container(env=env, env_override={"API_KEY": "hunter2", "TOP_K": "5"})))
    assert claims is not None
    container = claims["submods"]["container"]
    assert container["env"] == {**env, "API_KEY": REDACTED}
    assert container["env_override"] == {"API_KEY": REDACTED, "TOP_K": "5"}
    assert container["image_digest"] == "sha256:" + "a" * 64


def test_a_failure_that_is_no_refusal_has_none() -> None:
    assert claims_of(Denied("no")) is None
    failure = Denied("no")
    failure.__cause__ = ValueError()
    assert claims_of(failure) is None


def test_claims_without_end_are_not_told() -> None:
    fits = with_container(args=["x" * (MOST_BYTES // 2)])
    assert claims_of(refused(fits)) is not None
    assert claims_of(refused(with_container(args=["x" * MOST_BYTES]))) is None


def test_claims_of_another_shape_are_told_as_they_are() -> None:
    for claims in (
        {},
        {"submods": None},
        {"submods": {"container": [1]}},
        {"submods": {"container": {"env": 1}}},
    ):
        assert claims_of(refused(claims)) == claims
