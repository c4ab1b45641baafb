"""The same code over the real protocols: resources, registry and launch, through google-auth and TLS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from attestation.errors import Denied
from deploy.applying import apply
from deploy.confidential_vm import ConfidentialVm, delete, launch, status, watch
from deploy.google_api import GoogleApi, NotFound
from deploy.image import build_image
from deploy.observing import look_up_project, observe
from deploy.planning import Create, Give, Restore, Update, plan
from deploy.provisioning import ensure
from deploy.push import parse_image_reference, push, resolve
from deploy.resources import Operator, Owner, Resource, operator_of, owner_of
from deploy.rest import url_of

MAPPING = {
    "google.subject": "assertion.sub",
    "attribute.image_digest": "assertion.submods.container.image_digest",
}
PROGRAM = """\
FROM base
COPY room/__init__.py room/__main__.py /app/room/
COPY terms.toml /app/terms.toml
WORKDIR /app
LABEL tee.launch_policy.log_redirect="always"
ENTRYPOINT ["python", "-m", "room"]
"""
As = Callable[[str], GoogleApi]
NUMBERS = count()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout whose program says one line."""
    root = tmp_path / "source"
    for folder in ("deploy", "room"):
        (root / folder).mkdir(parents=True)
    (root / "deploy" / "Dockerfile").write_text(PROGRAM)
    (root / "room" / "__init__.py").write_text("")
    (root / "room" / "__main__.py").write_text("print('the program ran')\n")
    return root


@pytest.fixture
def number() -> int:
    """One that no other test of this process has: they share an emulator."""
    return next(NUMBERS)


@pytest.fixture
def owner(as_party: As, number: int) -> Owner:
    """An owner who has nothing yet, whatever other tests made."""
    named = owner_of(look_up_project(as_party("owner"), "primus"))
    return replace(
        named,
        model_bucket=replace(named.model_bucket, name=f"primus-model-{number}"),
        service_account=replace(named.service_account, account_id=f"primus-sa-{number}"),
        pool=replace(named.pool, pool_id=f"primus-wip-{number}"),
        repository=replace(named.repository, repository_id=f"primus-images-{number}"),
    )


@pytest.fixture
def operator(as_party: As, number: int) -> Operator:
    """An operator who has nothing yet either."""
    named = operator_of(look_up_project(as_party("operator"), "secundus"))
    return replace(
        named,
        input_bucket=replace(named.input_bucket, name=f"secundus-input-{number}"),
        result_bucket=replace(named.result_bucket, name=f"secundus-result-{number}"),
        workload_account=replace(named.workload_account, account_id=f"workload-sa-{number}"),
    )


def resources_of(owner: Owner) -> tuple[Resource, ...]:
    """All that the owner has."""
    digest = "sha256:" + "0" * 64
    return (
        *owner.foundation(),
        owner.provider(mapping=MAPPING, condition="assertion.swname == 'CONFIDENTIAL_SPACE'"),
        *owner.admissions([digest]),  # type: ignore[list-item]
        owner.pull_grant("user:operator@secundus.example"),
    )


def test_an_owner_s_resources_are_made_once(as_party: As, owner: Owner) -> None:
    api = as_party("owner")
    wanted = resources_of(owner)
    actions = plan(wanted, observe(api, wanted))
    assert [type(action) for action in actions] == [Create, Create, Give, Create, Create, Create, Give, Give]
    apply(api, actions)
    assert plan(wanted, observe(api, wanted)) == ()


def test_an_operator_s_resources_are_made_once(as_party: As, operator: Operator) -> None:
    api = as_party("operator")
    wanted = operator.foundation()
    assert {type(action) for action in ensure(api, *wanted)} == {Create, Give}
    assert ensure(api, *wanted) == ()


def test_a_changed_condition_is_the_only_thing_that_is_written(as_party: As, owner: Owner) -> None:
    api = as_party("owner")
    ensure(api, *resources_of(owner))
    narrower = owner.provider(mapping=MAPPING, condition="false")
    (action,) = ensure(api, narrower)
    assert isinstance(action, Update)
    assert action.after == {"attributeCondition": "false"}
    assert ensure(api, narrower) == ()


def test_what_was_deleted_is_restored_with_the_question_that_is_wanted_now(
    as_party: As, owner: Owner
) -> None:
    api = as_party("owner")
    provider = owner.provider(mapping=MAPPING, condition="true")
    ensure(api, owner.pool, provider)
    api.call("DELETE", url_of(provider), doing="deleting the provider")
    narrower = owner.provider(mapping=MAPPING, condition="false")
    assert [type(action) for action in ensure(api, owner.pool, narrower)] == [Restore, Update]
    assert ensure(api, owner.pool, narrower) == ()


def test_an_operator_makes_nothing_in_the_owner_s_project(as_party: As, owner: Owner) -> None:
    with pytest.raises(Denied):
        ensure(as_party("operator"), owner.service_account)


def test_an_image_goes_into_the_registry_and_comes_back_by_its_digest(
    as_party: As, owner: Owner, source: Path, tmp_path: Path
) -> None:
    api = as_party("owner")
    ensure(api, owner.repository)
    image = build_image(tmp_path / "layout", terms=b"", source=source)
    reference = parse_image_reference(owner.repository.image("workload", "v1"))
    assert push(api, image.folder, reference) == image.manifest
    assert push(api, image.folder, reference) == image.manifest
    pinned = parse_image_reference(f"{reference.repository}@{image.manifest}")
    assert resolve(api, pinned) == image.manifest
    with pytest.raises(NotFound):
        resolve(api, parse_image_reference(owner.repository.image("workload", "v2")))


def test_a_vm_runs_the_image_and_switches_itself_off(
    as_party: As, owner: Owner, operator: Operator, source: Path, tmp_path: Path
) -> None:
    owner_api, api = as_party("owner"), as_party("operator")
    for resource in operator.foundation():
        ensure(api, resource)
    ensure(owner_api, owner.repository)
    ensure(owner_api, owner.pull_grant(operator.workload_account.member))
    image = build_image(tmp_path / "layout", terms=b"", source=source)
    reference = parse_image_reference(owner.repository.image("workload", "v1"))
    push(owner_api, image.folder, reference)
    vm = ConfidentialVm(
        project_id="secundus",
        zone="us-west1-b",
        name="workload-vm",
        image_reference=f"{reference.repository}@{image.manifest}",
        service_account=operator.workload_account.email,
    )
    launch(api, vm)
    assert "the program ran" in "".join(watch(api, vm, poll_s=0.2))
    delete(api, vm)
    with pytest.raises(NotFound):
        status(api, vm)
