"""skopeo and buildah push to the registry and pull from it, with the credentials that gcloud gives them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import Shell
from tests.clients.sample import write_layout

_HOST = "us-docker.pkg.dev"
_SKOPEO = ("skopeo", "--insecure-policy")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository of the owner's, and a layout to put into it."""

    owner: Shell
    image: str
    layout: Path

    @property
    def digest(self) -> str:
        """Of the layout's one manifest."""
        index = json.loads((self.layout / "index.json").read_bytes())
        return str(index["manifests"][0]["digest"])


@pytest.fixture
def repository(shell_of: Callable[[str], Shell], tmp_path: Path) -> Repository:
    """Made by gcloud, whose credential helper the clients ask."""
    owner, name = shell_of("owner"), f"r-{uuid.uuid4().hex[:8]}"
    create = ("gcloud", "artifacts", "repositories", "create", name)
    owner.run(*create, "--repository-format=docker", "--location=us")
    owner.run("gcloud", "auth", "configure-docker", _HOST, "--quiet")
    write_layout(tmp_path / "layout", "print('hello')\n")
    return Repository(owner=owner, image=f"{_HOST}/primus/{name}/image", layout=tmp_path / "layout")


def test_skopeo_pushes_looks_and_pulls_what_it_pushed(repository: Repository, tmp_path: Path) -> None:
    run, there = repository.owner.run, f"docker://{repository.image}"
    as_it_is = ("copy", "--preserve-digests")  # else it compresses the layers
    run(*_SKOPEO, *as_it_is, f"oci:{repository.layout}:latest", f"{there}:v1")
    assert json.loads(run(*_SKOPEO, "inspect", f"{there}:v1"))["Digest"] == repository.digest
    assert json.loads(run(*_SKOPEO, "list-tags", there))["Tags"] == ["v1"]
    run(*_SKOPEO, *as_it_is, f"{there}@{repository.digest}", f"oci:{tmp_path / 'pulled'}:latest")
    pulled = Repository(owner=repository.owner, image="", layout=tmp_path / "pulled")
    assert pulled.digest == repository.digest


def test_an_access_token_is_a_password_and_nonsense_is_none(repository: Repository) -> None:
    token = repository.owner.run("gcloud", "auth", "print-access-token").strip()
    login = ("skopeo", "login", "--username=oauth2accesstoken", "--password-stdin", _HOST)
    assert "Login Succeeded" in repository.owner.run(*login, stdin=token)
    refused = repository.owner.ask(*login, code=1, stdin="nonsense").stderr
    assert "invalid username/password" in refused


def test_whoever_may_not_pull_is_told(repository: Repository, shell_of: Callable[[str], Shell]) -> None:
    operator = shell_of("operator")
    operator.run("gcloud", "auth", "configure-docker", _HOST, "--quiet")
    refused = operator.ask(*_SKOPEO, "inspect", f"docker://{repository.image}:v1", code=1).stderr
    assert "denied" in refused.lower()


def test_buildah_builds_and_pushes(repository: Repository, tmp_path: Path) -> None:
    store = ("--root", tmp_path / "root", "--runroot", tmp_path / "run", "--storage-driver", "vfs")
    run = repository.owner.run
    container = run("buildah", *store, "from", "scratch").strip()
    (tmp_path / "hello").write_text("hello")
    run("buildah", *store, "copy", container, tmp_path / "hello", "/app/hello")
    run("buildah", *store, "config", "--label", "tee.launch_policy.log_redirect=always", container)
    run("buildah", *store, "commit", container, "mine")
    digest = tmp_path / "digest"
    pushed = f"docker://{repository.image}:built"
    run("buildah", *store, "push", "--digestfile", digest, "mine", pushed)
    found = json.loads(run(*_SKOPEO, "inspect", pushed))
    assert found["Digest"] == digest.read_text()
    assert found["Labels"]["tee.launch_policy.log_redirect"] == "always"
