"""The codelab's scripts by their own names, from the first to the last, in front of one emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator import running
from emulator.running import Running
from symbolon.demo.photos import PHOTOS
from symbolon.emulator.command import environment_of
from tests.clients.conftest import installed
from tests.journeys.test_your_own_model import _SAVES, CLASSES, python

SCRIPTS = Path(__file__).parents[2] / "scripts"
THEIRS = "us-docker.pkg.dev/secundus/secundus-artifact-repo/workload-container:latest"

As = Callable[..., str]


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Running]:
    """One of the story's own, since its names are everybody's."""
    installed("gcloud")
    started = running.start(tmp_path / "state")
    yield started
    started.stop()


@pytest.fixture
def as_party(emulator: Running, tmp_path: Path) -> As:
    """A command typed by `owner` or `operator`, in the folder of the story; what it prints."""

    def run(party: str, *command: str | Path, code: int = 0) -> str:
        env = {
            **os.environ,
            **environment_of(emulator, party),
            "PRIMUS_PROJECT_ID": "primus",
            "SECUNDUS_PROJECT_ID": "secundus",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(SCRIPTS.parent),
        }
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_codelab_from_its_first_script_to_its_last(as_party: As, tmp_path: Path) -> None:
    python(_SAVES, tmp_path / "saved_model")
    (tmp_path / "labels.txt").write_text("".join(f"class {number}\n" for number in range(CLASSES)))
    (tmp_path / "photos").mkdir()
    for photo in PHOTOS[:2]:
        (tmp_path / "photos" / photo.name).write_bytes(photo.path.read_bytes())

    as_party(
        "owner",
        *("symbolon", "owner", "init", "saved_model", "--convention", "signed", "--scores", "softmax"),
        *("--labels", "labels.txt", "--output", "primus"),
        *("--operator-account", "workload-sa@secundus.iam.gserviceaccount.com"),
    )
    as_party("owner", SCRIPTS / "setup_primus_company_resources.sh")
    as_party("owner", SCRIPTS / "create_workload.sh", "--layout", "--emulator")
    again = as_party("owner", SCRIPTS / "create_workload.sh", "--layout", "--emulator")
    assert "pins it, as before" in again
    assert "nothing had to be done" in again

    as_party("operator", SCRIPTS / "setup_secundus_company_resources.sh")
    as_party("operator", SCRIPTS / "create_workload_service_account.sh")
    ran = as_party("operator", SCRIPTS / "run_workload.sh")
    assert "every picture has its row" in ran
    assert "2 of 2 pictures" in ran

    another_image(as_party, tmp_path)
    refused = as_party("operator", SCRIPTS / "run_unauthorized_workload.sh", "--reference", THEIRS)
    assert "refused, as it should be" in refused
    assert "assertion.submods.container.image_digest" in refused.partition("\nWHY ")[2]

    for party, company in (("operator", "secundus"), ("owner", "primus")):
        as_party(party, SCRIPTS / "cleanup.sh", company)
        assert "nothing had to be done" in as_party(party, SCRIPTS / "cleanup.sh", company)


def another_image(as_party: As, folder: Path) -> None:
    """Secundus publishes an image of its own: in the terms, one number is another."""
    terms = (folder / "primus" / "terms.toml").read_text()
    (folder / "other.toml").write_text(terms.replace("largest_top_k = 5", "largest_top_k = 9"))
    shutil.copyfile(folder / "primus" / "policy.toml", folder / "theirs.toml")
    repository = ("gcloud", "--quiet", "artifacts", "repositories")
    as_party(
        "operator",
        *(*repository, "create", "secundus-artifact-repo", "--location=us", "--repository-format=docker"),
    )
    as_party(
        "operator",
        *(*repository, "add-iam-policy-binding", "secundus-artifact-repo", "--location=us"),
        "--member=serviceAccount:workload-sa@secundus.iam.gserviceaccount.com",
        "--role=roles/artifactregistry.reader",
    )
    as_party(
        "operator",
        *("symbolon", "owner", "publish", "--reference", THEIRS, "--terms", "other.toml"),
        *("--policy", "theirs.toml", "--layout", "--emulator"),
    )


def test_a_script_says_what_is_missing(as_party: As) -> None:
    said = as_party("owner", SCRIPTS / "setup_primus_company_resources.sh", code=7)
    assert said.splitlines()[0] == "error: there are no terms in primus"
    said = as_party("operator", SCRIPTS / "setup_secundus_company_resources.sh", code=7)
    assert said.splitlines()[0] == "error: there is no folder photos"
    assert "whose things" in as_party("owner", SCRIPTS / "cleanup.sh", code=7)
