"""The operator's whole way with the operator's commands alone: admitted, and refused with its reason.

The owner's side is the demo's: a real model, a real image, a policy. What is typed is typed into processes of
their own, in an environment as `symbolon emulator env operator` prints it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attestation.verification import VerifiedClaims
from deploy.confidential_vm import ConfidentialVm
from deploy.google_api import COMPUTE
from deploy.pulling import read_image
from deploy.push import parse_image_reference
from deploy.resources import Grant
from policy.cel.values import is_unknown
from policy.launch_claims import foreseen_claims
from symbolon.demo.cast import Cast, prepare
from symbolon.demo.model import make_model_archive
from symbolon.demo.photos import PHOTOS
from symbolon.emulator.command import environment_of
from symbolon.operator.foreseeing import foresee_launch
from symbolon.owner.on_stage import ensure_all
from symbolon.stage import raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Owner and operator at an emulator; `folder` is where the operator types."""

    cast: Cast
    folder: Path

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`symbolon …` as the operator types it."""
        environment = environment_of(self.cast.stage.emulator, "operator")
        return subprocess.run(
            [sys.executable, "-m", "symbolon", *words],
            cwd=self.folder,
            env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def vms(self) -> list[str]:
        """The VMs of the operator's project."""
        url = f"{COMPUTE}/projects/secundus/zones/us-west1-b/instances"
        listed = self.cast.stage.operator.api.call("GET", url, doing="listing VMs")
        return [instance["name"] for instance in listed.get("items", [])]


@pytest.fixture(scope="module")
def scene(pytestconfig: pytest.Config) -> Iterator[Scene]:
    assert pytestconfig.cache is not None
    archive = make_model_archive(pytestconfig.cache.mkdir("symbolon-models"))
    with tempfile.TemporaryDirectory(prefix="symbolon-") as name, raised(Path(name)) as stage:
        making = prepare(stage, archive)
        while True:
            try:
                next(making)
            except StopIteration as done:
                cast: Cast = done.value
                break
        folder = Path(name) / "operator"
        folder.mkdir()
        (folder / "policy.toml").write_bytes((Path(name) / "policy.toml").read_bytes())
        account = cast.operator.workload_account
        creator, operator = "roles/iam.serviceAccountTokenCreator", "user:operator@secundus.example"
        ensure_all(stage.operator, [Grant(on=account, role=creator, member=operator)])
        yield Scene(cast=cast, folder=folder)


def typed(scene: Scene) -> list[str]:
    return [
        *("--reference", scene.cast.image.rpartition("@")[0] + ":latest"),
        *("--policy", "policy.toml", "--input", "gs://secundus-input-bucket/photos"),
    ]


def test_from_preflight_to_the_table_of_results(scene: Scene) -> None:
    """Admitted, launched, watched, shown, and taken down."""
    run = "gs://secundus-result-bucket/run-1"
    flags = [*typed(scene), "--name", "vm-1", "--results", run]
    looked = scene.type("operator", "preflight", *flags, "--save", "launch.toml")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert looked.stdout.startswith("ADMITTED  nothing stands in the way of this launch\n")

    launched = scene.type("operator", "launch", "launch.toml", "--yes")
    assert launched.returncode == 0, launched.stdout + launched.stderr
    assert "infer       running 5 " in launched.stdout
    assert launched.stdout.splitlines()[-1] == "ENDED ✓  every picture has its row"
    assert scene.type("operator", "watch", "launch.toml").returncode == 0  # attached again, after its end
    _compare_with_what_was_foretold(scene, "vm-1", run)

    shown = scene.type("operator", "results", "show", run)
    found = {line.split()[0]: line for line in shown.stdout.splitlines()[:5]}
    for photo in PHOTOS:
        assert photo.shows in found[f"photos/{photo.name}"]
    assert shown.stdout.splitlines()[-1].startswith("5 of 5 pictures; not verified")
    page = scene.type("operator", "results", "show", run, "--output", "page")
    assert page.returncode == 0
    assert (scene.folder / "page" / "results.html").read_text().count('<img src="data:image/') == len(PHOTOS)

    assert scene.type("operator", "destroy", "launch.toml", "--yes").returncode == 0
    assert scene.vms() == []


def _compare_with_what_was_foretold(scene: Scene, name: str, run: str) -> None:
    """The token that the verifier signed says what was foretold, as far as that was known."""
    stage = scene.cast.stage
    vm = ConfidentialVm(
        project_id="secundus",
        zone="us-west1-b",
        name=name,
        image_reference=scene.cast.image,
        service_account=scene.cast.operator.workload_account.email,
        environment={"INPUT_URI": "gs://secundus-input-bucket/photos/", "RESULT_URI": f"{run}/"},
    )
    image = read_image(stage.operator.api, parse_image_reference(scene.cast.image))
    facts = foresee_launch(vm, image, stage.operator.project, memory_kib=None).facts
    assert facts is not None
    (foreseen,) = foreseen_claims(facts, audience="https://sts.googleapis.com")
    signed: VerifiedClaims = stage.claims_of(vm)
    assert list(_other(foreseen, signed.raw)) == []
    assert signed.raw.keys() - foreseen.keys() == {"symbolon_emulator"}


def _other(foreseen: Any, signed: Any, path: str = "") -> Iterator[str]:
    """Where the signed claims say something else than was foretold and known."""
    if is_unknown(foreseen):
        return
    if isinstance(foreseen, dict) and isinstance(signed, dict):
        for key, value in foreseen.items():
            yield from _other(value, signed.get(key), f"{path}.{key}")
        yield from (f"{path}.{key} is there" for key in signed.keys() - foreseen.keys() if path)
    elif foreseen != signed:
        yield f"{path}: {foreseen} was foretold, and {signed} was signed"


def test_a_refusal_is_foretold_and_explained_by_the_same_clauses(scene: Scene) -> None:
    """Preflight names them; launched anyway, the job leaves claims that `auditor explain` refuses by them."""
    run = "gs://secundus-result-bucket/refused"
    flags = [*typed(scene), "--name", "vm-2", "--results", run, "--debug"]
    looked = scene.type("operator", "preflight", *flags, "--format", "json")
    assert looked.returncode == 3
    (admission,) = [each for each in json.loads(looked.stdout)["answers"] if each["asked"] == "admission"]
    foretold = [(clause["text"], clause["reason"], clause["fix"]) for clause in admission["clauses"]]
    assert [text for text, _, _ in foretold] == [
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        'assertion.dbgstat == "disabled-since-boot"',
    ]

    assert scene.type("operator", "launch", *flags, "--yes").returncode == 3
    launched = scene.type("operator", "launch", *flags, "--yes", "--anyway", "--format", "json")
    assert launched.returncode == 4, launched.stdout + launched.stderr
    ended = json.loads(launched.stdout.splitlines()[-1])["ended"]
    assert ended["message"].startswith("STS refuses the exchange: ")
    assert _failing(ended["why"][0]) == foretold
    assert "eyJ" not in launched.stdout  # no token is in the log

    client = scene.cast.stage.operator.storage
    error = client.bucket("secundus-result-bucket").blob("refused/error.json").download_as_text()
    assert "eyJ" not in error
    (scene.folder / "error.json").write_text(error)
    files = ["--policy", "policy.toml", "--token", "error.json", "--unsafe-unverified"]
    explained = scene.type("auditor", "explain", *files, "--format", "json")
    assert explained.returncode == 3, explained.stderr
    assert _failing(json.loads(explained.stdout)) == foretold

    assert scene.type("operator", "destroy", "vm-2", "--yes").returncode == 0
    assert scene.vms() == []


def _failing(judgement: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (clause["text"], clause["reason"], clause["fix"])
        for clause in judgement["clauses"]
        if clause["outcome"] != "true"
    ]
