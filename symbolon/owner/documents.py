"""The two files that an owner begins with, for people: the terms, and the policy that admits nobody yet."""

from __future__ import annotations

import json
from collections.abc import Sequence

from attestation.digests import Digest
from contract.operator_names import OPERATOR_NAMES
from contract.terms import OwnerTerms, render_terms
from deploy.resources import Owner

NO_IMAGE = Digest("sha256:" + "0" * 64)
"""The digest of no image: a policy that asks for it admits nobody."""
_TERMS = """\
# What the image is published to do, and no more. It goes into the image, whose digest measures it: whoever
# changes one key has another image. Written by `symbolon owner init`; every key: docs/reference/terms.md.

"""


def render_commented_terms(terms: OwnerTerms) -> str:
    """The content of `terms.toml`, with a word above each key."""
    return _TERMS + render_terms(terms, commented=True)


def render_policy(owner: Owner, accounts: Sequence[str], images: Sequence[Digest]) -> str:
    """The content of `policy.toml`: these images, in a production VM of one of these accounts."""
    digests = ", ".join(f'"{image}"' for image in images or (NO_IMAGE,))
    emails = ", ".join(f'"{account}"' for account in accounts)
    return f"""\
# Who is given the model: the owner's half of the symbolon. Written by `symbolon owner init`.
# `symbolon owner policy build policy.toml` shows the condition, `symbolon auditor review policy.toml`
# what it admits. How to write it: docs/how-to/write-a-policy.md.

# The workload identity provider that asks.
[provider]
project_number = "{owner.pool.project.number}"
pool = "{owner.pool.pool_id}"
name = "{owner.provider_id}"

# The image, by the digest that the registry serves. No image has the digest of zeros: until the image's own
# stands here, nobody is admitted.
[what]
image_digests = [{digests}]

# A production VM of Confidential Space, in a version that Google supports, with encrypted memory. What is not
# written here is asked all the same, at its safest.
[where]
swname = "CONFIDENTIAL_SPACE"
support_attribute = "STABLE"
dbgstat = "disabled-since-boot"
hwmodels = ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"]

# The operators' workload accounts.
[who]
service_accounts = [{emails}]

# What an operator may set when launching the VM.
[how]
cmd_override = []
env_override = {json.dumps(OPERATOR_NAMES)}
"""
