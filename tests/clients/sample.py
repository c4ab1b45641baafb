"""An image as a beginner makes it: one program that does one picture after another, in a layout of its own.

It is sequential, written by hand, and does what tutorials do: constants in the program, the token from
its file, TensorFlow for `gs://` and for pictures, everything beside the program in `/app`.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

_PROGRAM = """
import tarfile

import numpy
from google.auth import identity_pool
from google.cloud import storage

MODELS, PICTURES, RESULTS = {models!r}, {pictures!r}, {results!r}
AUDIENCE, ACCOUNT = {audience!r}, {account!r}
TOKEN = "/run/container_launcher/attestation_verifier_claims_token"
ACCOUNTS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"


def owners_client():
    credentials = identity_pool.Credentials.from_info(
        {{
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {{"file": TOKEN}},
            "service_account_impersonation_url": f"{{ACCOUNTS}}{{ACCOUNT}}:generateAccessToken",
        }}
    )
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return storage.Client(project="-", credentials=credentials.with_scopes(scopes))


def top_of(picture, weights):
    pixels = tf.image.decode_image(tf.io.read_file(f"gs://{{PICTURES}}/{{picture}}"), channels=3)
    means = numpy.asarray(tf.image.resize(pixels, (8, 8))).mean(axis=(0, 1))
    scores = means @ weights
    return [int(index) for index in scores.argsort()[::-1][:2]]


def main():
    mine = storage.Client()
    result = mine.bucket(RESULTS).blob("result")
    try:
        owners_client().bucket(MODELS).blob("model.tar.gz").download_to_filename("model.tar.gz")
        with tarfile.open("model.tar.gz") as archive:
            archive.extractall(".", filter="data")
        weights = numpy.load("weights.npy")
    except Exception as error:
        result.upload_from_string(f"failed: {{error}}")
        return
    global tf
    import tensorflow as tf  # an age, so not before there is something to do

    lines = []
    for blob in mine.bucket(PICTURES).list_blobs():
        lines.append(f"{{blob.name}}: {{top_of(blob.name, weights)}}")
    result.upload_from_string("\\n".join(lines))


main()
"""
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def program(*, models: str, pictures: str, results: str, audience: str, account: str) -> str:
    """The program, with the names of three buckets, of the provider and of the owner's account in it."""
    return _PROGRAM.format(
        models=models, pictures=pictures, results=results, audience=audience, account=account
    )


def write_layout(folder: Path, text: str) -> None:
    """`folder` is an OCI layout whose image `latest` runs the program from `/app`, as root.

    Source: opencontainers/image-spec v1.1, image-layout.md.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("app/inference.py")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    layer = stream.getvalue()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["python", "inference.py"], "WorkingDir": "/app"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    kinds = {"config": "config.v1+json", "layer": "layer.v1.tar"}
    described = {
        name: {
            "mediaType": f"application/vnd.oci.image.{kinds[name]}",
            "digest": _digest(blob),
            "size": len(blob),
        }
        for name, blob in (("config", config), ("layer", layer))
    }
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": described["config"],
            "layers": [described["layer"]],
        }
    ).encode()
    entry = {
        "mediaType": _MANIFEST,
        "digest": _digest(manifest),
        "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for blob in (layer, config, manifest):
        (blobs / _digest(blob).partition(":")[2]).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
