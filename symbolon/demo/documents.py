"""The two files that the story's owner writes: the policy, and the terms that go into the image."""

from __future__ import annotations

from attestation.digests import Digest
from deploy.resources import Operator, Owner

from .model import FED_MEAN, FED_SCALE, LABELS

LARGEST_TOP_K = 5


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
env_override = ["INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE"]
"""


def render_terms(owner: Owner, model: Digest, *, largest_top_k: int = LARGEST_TOP_K) -> str:
    """The owner's terms, which the image's digest measures.

    No generation is pinned: the digest alone has to notice a replaced model.
    """
    mean = [FED_MEAN] * 3
    return f"""\
[model]
uri = "gs://{owner.model_bucket.name}/model.tar.gz"
sha256 = "{model.removeprefix("sha256:")}"

[credential]
audience = "//iam.googleapis.com/{owner.pool.name}/providers/{owner.provider_id}"
service_account = "{owner.service_account.email}"

[runtime]
name = "tensorflow"
precision = "fp32"

[input]
tensor = "images"
height = 224
width = 224
method = "bilinear"
antialias = false
fit = "stretch"
exif_orientation = "ignore"
mean = {mean}
scale = {FED_SCALE}

[output]
tensor = "logits"
scores = "softmax"
labels = "{LABELS}"

[egress]
largest_top_k = {largest_top_k}
score_digits = 4
most_images = 100
"""
