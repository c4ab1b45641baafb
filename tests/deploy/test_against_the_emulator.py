"""The same code over the real protocols: resources, registry and launch, through google-auth and TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attestation.errors import Denied
from deploy.confidential_vm import ConfidentialVm, delete, launch, status, watch
from deploy.google_api import GoogleApi, NotFound
from deploy.image import build_image
from deploy.provisioning import Change, ensure, ensure_all, look_up_project
from deploy.push import parse_image_reference, push, resolve
from deploy.resources import Owner, operator_of, owner_of

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


def changes_of(api: GoogleApi, owner: Owner) -> list[Change]:
    """What a run over all of the owner's resources had to do."""
    done: list[Change] = []
    digest = "sha256:" + "0" * 64
    resources = (
        *owner.foundation(),
        owner.provider(mapping=MAPPING, condition="assertion.swname == 'CONFIDENTIAL_SPACE'"),
        *owner.admissions([digest]),  # type: ignore[list-item]
        owner.pull_grant("user:operator@secundus.example"),
    )
    ensure_all(api, resources, on_change=lambda _, change: done.append(change))
    return done


def test_an_owner_s_resources_are_made_once(as_party: As) -> None:
    api = as_party("owner")
    owner = owner_of(look_up_project(api, "primus"))
    assert set(changes_of(api, owner)) == {Change.CREATED, Change.UPDATED}
    assert set(changes_of(api, owner)) == {Change.UNCHANGED}


def test_an_operator_s_resources_are_made_once(as_party: As) -> None:
    api = as_party("operator")
    operator = operator_of(look_up_project(api, "secundus"))
    first: list[Change] = []
    second: list[Change] = []
    ensure_all(api, operator.foundation(), on_change=lambda _, change: first.append(change))
    ensure_all(api, operator.foundation(), on_change=lambda _, change: second.append(change))
    assert set(first) == {Change.CREATED, Change.UPDATED}
    assert set(second) == {Change.UNCHANGED}


def test_a_changed_condition_is_the_only_thing_that_is_written(as_party: As) -> None:
    api = as_party("owner")
    owner = owner_of(look_up_project(api, "primus"))
    changes_of(api, owner)
    narrower = owner.provider(mapping=MAPPING, condition="false")
    assert ensure(api, narrower) is Change.UPDATED
    assert ensure(api, narrower) is Change.UNCHANGED


def test_an_operator_makes_nothing_in_the_owner_s_project(as_party: As) -> None:
    owner = owner_of(look_up_project(as_party("owner"), "primus"))
    with pytest.raises(Denied):
        ensure(as_party("operator"), owner.service_account)


def test_an_image_goes_into_the_registry_and_comes_back_by_its_digest(
    as_party: As, source: Path, tmp_path: Path
) -> None:
    api = as_party("owner")
    owner = owner_of(look_up_project(api, "primus"))
    ensure(api, owner.repository)
    image = build_image(tmp_path / "layout", terms=b"", source=source)
    reference = parse_image_reference(owner.repository.image("workload", "v1"))
    assert push(api, image.folder, reference) == image.manifest
    assert push(api, image.folder, reference) == image.manifest
    pinned = parse_image_reference(f"{reference.repository}@{image.manifest}")
    assert resolve(api, pinned) == image.manifest
    with pytest.raises(NotFound):
        resolve(api, parse_image_reference(owner.repository.image("workload", "v2")))


def test_a_vm_runs_the_image_and_switches_itself_off(as_party: As, source: Path, tmp_path: Path) -> None:
    owner_api, api = as_party("owner"), as_party("operator")
    owner = owner_of(look_up_project(owner_api, "primus"))
    operator = operator_of(look_up_project(api, "secundus"))
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
    heard: list[str] = []
    watch(api, vm, timeout_s=60, on_output=heard.append, poll_s=0.2)
    assert "the program ran" in "".join(heard)
    delete(api, vm)
    with pytest.raises(NotFound):
        status(api, vm)
