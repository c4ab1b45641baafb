"""A licence admits whom it names, for what it names, while it lasts; it refuses everything else by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.licence import Holder
from contract.release import (
    audience_of,
    nonce_of,
    parse_call,
)
from contract.release_refusals import BrokerRefused
from release import licensing
from release.verifying import verify
from tests.release.brokers import (
    IMAGE,
    MODEL_ID,
    NOW,
    OTHER,
    World,
    policy_text,
    refused,
)

BOUNDS = [
    pytest.param({"starts_at": NOW + 1}, "licence-not-begun", id="that begins in a second"),
    pytest.param({"ends_at": NOW}, "licence-expired", id="that has just ended"),
    pytest.param({"runs": 0}, "licence-used-up", id="for no run"),
    pytest.param({"pictures": 9}, "pictures-used-up", id="for one picture less"),
    pytest.param(
        {"holder": Holder(service_accounts=("other@secundus.iam.gserviceaccount.com",))},
        "licence-of-another",
        id="of another service account",
    ),
    pytest.param({"holder": Holder(projects=("tertius",))}, "licence-of-another", id="of another project"),
    pytest.param({"images": (OTHER,)}, "licence-for-another-image", id="for another image"),
    pytest.param({"policy": OTHER}, "licence-under-another-policy", id="under another policy"),
    pytest.param({"model_id": "primus/other"}, "licence-for-another-model", id="for another model"),
    pytest.param({"versions": (2, None)}, "licence-for-another-version", id="for later versions"),
]


@pytest.mark.parametrize(("changes", "code"), BOUNDS)
def test_a_licence_refuses(world: World, changes: dict[str, Any], code: str) -> None:
    world.license(**changes)
    refused(world, code)


SAID = [
    ({"starts_at": NOW + 1}, "the licence begins on 2027-01-15 08:00 UTC"),
    ({"ends_at": NOW}, "the licence ended on 2027-01-15 08:00 UTC"),
    ({"ends_at": NOW, "holder": Holder(projects=("tertius",))}, "the licence is somebody else's"),
    ({"runs": 0}, "all runs of the licence are used: 0 of 0"),
    ({"pictures": 9}, "the job has 10 pictures, and the licence 9 of 9 left"),
]


@pytest.mark.parametrize(("changes", "message"), SAID)
def test_a_holder_is_told_which_bound_it_is_and_a_stranger_nothing(
    world: World, changes: dict[str, Any], message: str
) -> None:
    world.license(**changes)
    with pytest.raises(BrokerRefused) as caught:
        world.release()
    assert caught.value.message == message


ADMITTED = [
    pytest.param({"starts_at": NOW}, id="that has just begun"),
    pytest.param({"ends_at": NOW + 1}, id="that ends in a second"),
    pytest.param({"runs": 1}, id="for one run"),
    pytest.param({"pictures": 10}, id="for just as many pictures"),
    pytest.param({"holder": Holder(projects=("secundus",))}, id="of the project"),
    pytest.param({"images": (OTHER, IMAGE)}, id="for two images"),
    pytest.param({"versions": (1, 1)}, id="for this version alone"),
    pytest.param(
        {"runs": 2**64 - 1, "pictures": 2**64 - 1, "at_once": 2**64 - 1}, id="of the largest bounds"
    ),
    pytest.param({"ends_at": 2**64 - 1}, id="until the end of time"),
]


@pytest.mark.parametrize("changes", ADMITTED)
def test_a_licence_admits(world: World, changes: dict[str, Any]) -> None:
    world.license(**changes)
    world.release()


def test_a_version_above_the_range_is_refused(world: World) -> None:
    world.add_model(OTHER, version=3)
    world.license(versions=(1, 2))
    refused(world, "licence-for-another-version", manifest=OTHER)


def test_a_licence_may_name_the_policy_instead_of_an_image(world: World) -> None:
    digest = world.set_policy(policy_text())
    world.license(images=(), policy=digest)
    world.release()
    world.set_policy(policy_text('assertion.swname == "CONFIDENTIAL_SPACE"'))
    refused(world, "licence-under-another-policy")


def test_a_licence_for_another_kind_of_evidence_is_refused(world: World) -> None:
    """There is one kind so far; the owner names it, and never who asks."""
    asking = world.ask()
    machine = verify(
        world.broker.tokens,
        parse_call(asking.call).token,
        audience=audience_of(world.broker.digest),
        nonce=nonce_of(asking.request),
        not_before=NOW,
        now=NOW,
    )
    model = licensing.Model(model_id=MODEL_ID, version=1, wrapped=b"")
    licensing.check_scope(world.license(), machine, model, None)
    other: Any = "sgx"
    with pytest.raises(BrokerRefused) as caught:
        licensing.check_scope(world.license(), replace(machine, evidence=other), model, None)
    assert caught.value.code == "licence-for-other-evidence"
