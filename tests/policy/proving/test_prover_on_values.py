"""What a claim can be in an admitted token: listed, without bound, or listed for whoever assumes it."""

from __future__ import annotations

import pytest

from policy.proving.answers import Undecided
from policy.proving.prover import Prover
from tests.policy.proving.asking import CONTAINER, DIGEST, HARDENED, PINNED, PROJECT


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
