"""An owner's terms, pictures and archives, as the tests of the workload hand them in."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from attestation.digests import Digest
from contract.terms import (
    CredentialTerms,
    EgressTerms,
    InputTerms,
    ModelTerms,
    OutputTerms,
    OwnerTerms,
    RuntimeTerms,
    render_terms,
)
from contract.uris import ObjectUri
from tests.launches import DIGEST
from tests.launches import FACTS as LAUNCH

TERMS = OwnerTerms(
    model=ModelTerms(
        uri=ObjectUri(bucket="primus-models", name="model.tar.gz"), sha256=Digest("sha256:" + "0" * 64)
    ),
    credential=CredentialTerms(
        audience=(
            "//iam.googleapis.com/projects/12345/locations/global/workloadIdentityPools/pool/providers/cs"
        ),
        service_account="reader@primus.iam.gserviceaccount.com",
    ),
    runtime=RuntimeTerms(name="tensorflow", precision="fp32"),
    input=InputTerms(
        tensor="images",
        height=8,
        width=8,
        method="bilinear",
        antialias=False,
        fit="stretch",
        exif_orientation="ignore",
        mean=(0.0, 0.0, 0.0),
        scale=1 / 255,
    ),
    output=OutputTerms(tensor="logits", scores="softmax", labels="labels.txt"),
    egress=EgressTerms(largest_top_k=3, score_digits=4, most_images=50),
)
"""An owner's terms in order, for the model of `saved_model`."""
LABELS = ("red", "green", "blue", "black")


FACTS = replace(
    LAUNCH,
    instance_name="vm",
    image_reference=f"us-docker.pkg.dev/primus/repo/workload@{DIGEST}",
    env={},
)


def terms_text(*, sha256: str = "0" * 64) -> str:
    """`TERMS` as the owner's file has them, with that digest of the model."""
    model = replace(TERMS.model, sha256=Digest("sha256:" + sha256))
    return render_terms(replace(TERMS, model=model))


MEMBERS = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "labels.txt": b"a\nb"}
"""Files of a model that nothing loads."""


def model_terms(data: bytes, *, bucket: str = "primus-models", generation: int | None = None) -> ModelTerms:
    """Terms that pin these bytes as `model.tar.gz`."""
    return ModelTerms(
        uri=ObjectUri(bucket=bucket, name="model.tar.gz"),
        sha256=Digest("sha256:" + sha256(data)),
        generation=generation,
    )


def picture(
    colour: tuple[int, int, int] = (255, 0, 0),
    *,
    size: tuple[int, int] = (12, 10),
    format: str = "PNG",
    comment: str = "",
) -> bytes:
    """A picture of one colour."""
    encoded, told = io.BytesIO(), PngInfo()
    if comment:
        told.add_text("comment", comment)
    Image.new("RGB", size, colour).save(encoded, format, **({"pnginfo": told} if comment else {}))
    return encoded.getvalue()


def large_png(side: int = 7_900) -> bytes:
    """A black picture in few bytes, which takes a while to decode and hundreds of megabytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return _png(header, bytes((1 + (side + 7) // 8) * side))


def jpeg(mode: str = "RGB") -> bytes:
    """A red JPEG in that colour space."""
    encoded = io.BytesIO()
    Image.new("RGB", (32, 32), (255, 0, 0)).convert(mode).save(encoded, "JPEG")
    return encoded.getvalue()


def grey_16_bit() -> bytes:
    """A dark grey PNG with 16 bits a pixel."""
    encoded = io.BytesIO()
    Image.new("I;16", (12, 10), 0x2000).save(encoded, "PNG")
    return encoded.getvalue()


def header_of_a_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""
    return _png(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"")


def _png(header: bytes, lines: bytes) -> bytes:
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def archive(members: dict[str, bytes]) -> bytes:
    """A gzipped tar archive with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def archive_of(model: Path) -> bytes:
    """A model with its labels, as an owner packs it: all of this folder."""
    files = {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    return archive({**files, "labels.txt": "\n".join(LABELS).encode()})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
