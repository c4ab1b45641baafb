"""Two parties at an emulator of their own, and the owner's image in its registry; no model is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attestation.digests import Digest, digest_of
from deploy.google_api import IAM
from deploy.resources import Grant, Operator, Owner, operator_of, owner_of
from policy.policy_file import parse_policy
from symbolon.demo.documents import owner_terms
from symbolon.owner.on_stage import ensure_all, publish, render_policy
from symbolon.stage import Stage, raised
from tests.symbolon.conftest import Answered, Ask

MODEL = digest_of(b"a model")
CREATOR = "roles/iam.serviceAccountTokenCreator"
OPERATOR = "user:operator@secundus.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What is there: the image by its tag and its digest, the owner's policy in two forms, and one photo."""

    stage: Stage
    owner: Owner
    operator: Operator
    image: str
    tag: str
    policy: Path
    provider: Path

    @property
    def digest(self) -> str:
        return self.image.rpartition("@")[2]

    @property
    def typed(self) -> tuple[str, ...]:
        """What an operator types after `preflight` or `launch`."""
        return (
            *("--reference", self.tag, "--policy", str(self.policy), "--project", "secundus"),
            *("--input", f"gs://{self.operator.input_bucket.name}/photos"),
        )


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    """The scene; while it is there, this process is the operator in front of the emulator."""
    folder = tmp_path_factory.mktemp("stage")
    with raised(folder) as stage, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(stage.emulator.credentials_file("operator")))
        owner, operator = owner_of(stage.owner.project), operator_of(stage.operator.project)
        ensure_all(stage.owner, owner.foundation())
        image = publish(stage, stage.owner, owner.repository, terms=owner_terms(owner, MODEL))
        ensure_all(stage.owner, [owner.pull_grant("allAuthenticatedUsers")])
        ensure_all(stage.operator, operator.foundation())
        digest = Digest(image.rpartition("@")[2])
        text = render_policy(owner, operator, digest)
        stage.keep("policy.toml", text)
        policy = parse_policy(text)
        provider = owner.provider(mapping=policy.mapping.expressions, condition=policy.condition)
        ensure_all(stage.owner, [provider, *owner.admissions([digest])])
        described = stage.owner.api.call("GET", f"{IAM}/{provider.name}", doing="describing the provider")
        stage.keep("provider.json", json.dumps(described))
        photo = folder / "cat.jpg"
        photo.write_bytes(b"no picture that anybody decodes")
        stage.operator.upload(operator.input_bucket.name, "photos/cat.jpg", photo)
        yield There(
            stage=stage,
            owner=owner,
            operator=operator,
            image=image,
            tag=f"{image.rpartition('@')[0]}:latest",
            policy=folder / "policy.toml",
            provider=folder / "provider.json",
        )


def answers_of(answered: Answered) -> dict[str, str]:
    """What preflight's JSON answers to each thing: the worst where it has several answers."""
    worst = ("yes", "warning", "unknown", "no")
    found: dict[str, str] = {}
    for each in answered.json["answers"]:
        found[each["asked"]] = max(each["answer"], found.get(each["asked"], "yes"), key=worst.index)
    return found


def preflight(ask: Ask, there: There, *more: str) -> Answered:
    """`operator preflight` of the owner's image, as JSON."""
    return ask("operator", "preflight", *there.typed, *more, "--format", "json")


@pytest.fixture(scope="module")
def speaks_for_its_account(there: There) -> There:
    """The operator may ask as the VM's account."""
    grant = Grant(on=there.operator.workload_account, role=CREATOR, member=OPERATOR)
    ensure_all(there.stage.operator, [grant])
    return there
