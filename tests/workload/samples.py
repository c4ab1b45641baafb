"""An owner's terms, pictures and archives, as the tests of the workload hand them in."""

from __future__ import annotations

import hashlib
import io
import tarfile

from PIL import Image

TERMS = """
[model]
uri = "gs://primus-models/model.tar.gz"
sha256 = "{sha256}"

[credential]
audience = "//iam.googleapis.com/projects/12345/locations/global/workloadIdentityPools/pool/providers/cs"
service_account = "reader@primus.iam.gserviceaccount.com"

[runtime]
name = "tensorflow"
precision = "fp32"

[input]
tensor = "images"
height = 8
width = 8
method = "bilinear"
antialias = false
fit = "stretch"
exif_orientation = "ignore"
mean = [0.0, 0.0, 0.0]
scale = 0.00392156862745098

[output]
tensor = "logits"
scores = "softmax"
labels = "labels.txt"

[egress]
largest_top_k = 3
score_digits = 4
most_images = 50
"""
LABELS = ("red", "green", "blue", "black")


def terms_text(*, sha256: str = "0" * 64) -> str:
    """An owner's terms in order, for the model of `saved_model`."""
    return TERMS.format(sha256=sha256)


def picture(
    colour: tuple[int, int, int] = (255, 0, 0), *, size: tuple[int, int] = (12, 10), format: str = "PNG"
) -> bytes:
    """A picture of one colour."""
    encoded = io.BytesIO()
    Image.new("RGB", size, colour).save(encoded, format)
    return encoded.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    """A gzipped tar archive with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
