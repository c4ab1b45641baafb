"""What an owner does on a stage, as in a cloud: makes resources, publishes an image, and asks for it.

For `symbolon owner trial`, and for the demo.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from attestation.digests import Digest
from contract.operator_names import OPERATOR_NAMES
from contract.terms import OwnerTerms, render_terms
from deploy.google_api import IAM
from deploy.image import build_image
from deploy.provisioning import ensure
from deploy.push import parse_image_reference, push
from deploy.resources import DockerRepository, Operator, Owner, Resource
from policy.policy_file import parse_policy
from policy.provider import parse_provider

from ..platform_root import published_root
from ..policies import NamedPolicy
from ..stage import Party, Stage


def render_policy(owner: Owner, operator: Operator, image: Digest) -> str:
    """The owner's policy file: this image, in a production VM of that operator, and nothing else."""
    return f"""\
# Who is given the model: the owner's half of the symbolon.

[provider]
project_number = "{owner.pool.project.number}"
pool = "{owner.pool.pool_id}"
name = "{owner.provider_id}"

[what]
image_digests = ["{image}"]

[where]
swname = "CONFIDENTIAL_SPACE"
support_attribute = "STABLE"
dbgstat = "disabled-since-boot"
hwmodels = ["GCP_AMD_SEV"]

[who]
service_accounts = ["{operator.workload_account.email}"]

[how]
cmd_override = []
env_override = {json.dumps(OPERATOR_NAMES)}
"""


def ask(stage: Stage, owner: Owner, operator: Operator, image: Digest, *, prefix: str = "") -> NamedPolicy:
    """The owner's provider asks the policy file's condition; the policy as Google then describes it.

    Files of the stage, whose names begin with `prefix`, have all three.
    """
    text = render_policy(owner, operator, image)
    stage.keep(f"{prefix}policy.toml", text)
    policy = parse_policy(text)
    provider = owner.provider(mapping=policy.mapping.expressions, condition=policy.condition)
    ensure_all(stage.owner, [provider, *owner.admissions([image])])
    described = stage.owner.api.call("GET", f"{IAM}/{provider.name}", doing="describing the provider")
    stage.keep(f"{prefix}provider.json", json.dumps(described, indent=2) + "\n")
    stage.keep(f"{prefix}condition.cel", policy.condition + "\n")
    asked = parse_provider(described)
    return NamedPolicy(described="a provider", condition=asked.condition, provider=asked)


def publish(stage: Stage, party: Party, repository: DockerRepository, *, terms: OwnerTerms) -> str:
    """The party's repository serves the image with these terms; its reference by digest."""
    folder = stage.folder / f"image-of-{repository.project.project_id}"
    layout = build_image(
        folder, terms=render_terms(terms).encode(), root=published_root(), runtime=terms.runtime.name
    )
    reference = parse_image_reference(repository.image("workload-container", "latest"))
    digest = push(party.api, layout.folder, reference)
    return f"{reference.repository}@{digest}"


def ensure_all(party: Party, resources: Iterable[Resource]) -> None:
    """Each resource is as described."""
    for resource in resources:
        ensure(party.api, resource)
