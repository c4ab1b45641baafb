"""What the tests of the workload share: a tiny model, and Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from deploy.confidential_vm import CLOUD_PLATFORM
from emulator import running
from emulator.faults import Faults, write_faults
from tests.saved_models import save_colours
from tests.workload.jobs import Stage
from tests.workload.samples import archive_of
from workload import object_storage


@pytest.fixture(autouse=True)
def _platform_in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test, no fault is on."""
    emulator = request.getfixturevalue("emulator") if "emulator" in request.fixturenames else None
    yield
    if emulator is not None:
        write_faults(emulator.folder, Faults())


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel of three operations: the mean red, green and blue of `images`, and one half."""
    return save_colours(tmp_path_factory.mktemp("saved") / "colours")


@pytest.fixture(scope="session")
def model_archive(saved_model: Path) -> bytes:
    """The SavedModel with its labels, as an owner packs it."""
    return archive_of(saved_model)


@pytest.fixture(scope="module")
def stage(
    emulator: running.Running, tmp_path_factory: pytest.TempPathFactory, model_archive: bytes
) -> Iterator[Stage]:
    """An owner whose model and policy are in place, and an operator with buckets, for whole jobs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.env.items():
            patch.setenv(name, value)
        yield Stage(emulator, tmp_path_factory.mktemp("jobs"), model_archive)


@pytest.fixture
def as_operator(emulator: running.Running, monkeypatch: pytest.MonkeyPatch) -> storage.Client:
    """Cloud Storage by the workload's own client, with the operator's credentials."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    file = str(emulator.credentials_file("operator"))
    return object_storage.open_client(
        Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call]
    )


@pytest.fixture
def make_bucket(as_operator: storage.Client, request: pytest.FixtureRequest) -> Callable[[], storage.Bucket]:
    """A new bucket of the operator's at each call."""
    count = 0

    def make() -> storage.Bucket:
        nonlocal count
        count += 1
        name = f"b{abs(hash(request.node.nodeid)):x}-{count}"[-60:]
        return as_operator.create_bucket(name, project="secundus")

    return make
