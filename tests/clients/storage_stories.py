"""What a person does with Cloud Storage by each of Google's clients: small and large files, people, and a no.

Each story is told against an emulator, and recorded there by `tests.clients.recording`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.clients.conftest import Shell, gone

NODE = Path(__file__).parent / "node"
SMALL, BIG = b"hello", bytes(9 * 2**20)
"""The large one is over the 8 MiB from which gsutil and gcloud upload resumably; zeros pack well."""


def files_in(folder: Path) -> None:
    """`small`, `big`, and `tree` with two files in it."""
    (folder / "tree" / "a").mkdir(parents=True)
    (folder / "small").write_bytes(SMALL)
    (folder / "big").write_bytes(BIG)
    (folder / "tree" / "1").write_bytes(b"1")
    (folder / "tree" / "a" / "2").write_bytes(b"2")


def gsutil(shell: Shell) -> None:
    """`gsutil`, with what it does at once in one command each, for it takes seconds to start."""
    files_in(shell.folder)
    bucket = "gs://story-of-gsutil"
    shell.run("gsutil", "mb", "-l", "us-west1", bucket)
    shell.run("gsutil", "cp", "-r", "small", "big", "tree", bucket)
    shell.run("gsutil", "cp", f"{bucket}/big", "back")
    assert (shell.folder / "back").read_bytes() == BIG
    shell.run("gsutil", "cp", "-", f"{bucket}/typed", stdin="typed\n")
    assert shell.run("gsutil", "cat", f"{bucket}/typed") == "typed\n"
    shell.run("gsutil", "compose", f"{bucket}/small", f"{bucket}/typed", f"{bucket}/two")
    assert "Content-Length:         11" in shell.run("gsutil", "ls", "-L", f"{bucket}/two")
    shell.run("gsutil", "rsync", "-r", "tree", f"{bucket}/synchronised")
    shell.run("gsutil", "iam", "ch", "user:operator@secundus.example:objectViewer", bucket)
    refused = shell.ask("gsutil", "requesterpays", "set", "on", bucket, code=1)
    assert "the emulator's Cloud Storage does not have a bucket's `billing`" in refused.stderr
    assert "Disabled" in shell.run("gsutil", "requesterpays", "get", bucket)
    shell.run("gsutil", "rm", "-r", bucket)


def gcloud_storage(shell: Shell) -> None:
    """`gcloud storage`, which shares no code of transfers with gsutil."""
    files_in(shell.folder)
    bucket = "gs://story-of-gcloud"
    shell.run("gcloud", "storage", "buckets", "create", bucket, "--location=us-west1")
    shell.run("gcloud", "storage", "cp", "-r", "small", "big", "tree", bucket)
    shell.run("gcloud", "storage", "cp", f"{bucket}/big", "back")
    assert (shell.folder / "back").read_bytes() == BIG
    shell.run("gcloud", "storage", "cp", "-", f"{bucket}/typed", stdin="typed\n")
    assert shell.run("gcloud", "storage", "cat", f"{bucket}/typed") == "typed\n"
    described = shell.run("gcloud", "storage", "ls", "--json", f"{bucket}/**")
    names = sorted(each["metadata"]["name"] for each in json.loads(described))
    assert names == ["big", "small", "tree/1", "tree/a/2", "typed"]
    shell.run("gcloud", "storage", "mv", f"{bucket}/typed", f"{bucket}/moved")
    shell.run(
        "gcloud", "storage", "buckets", "add-iam-policy-binding", bucket,
        "--member=user:operator@secundus.example", "--role=roles/storage.objectViewer",
    )  # fmt: skip
    refused = shell.ask("gcloud", "storage", "buckets", "update", bucket, "--requester-pays", code=1)
    assert "the emulator's Cloud Storage does not have a bucket's `billing`" in refused.stderr
    shell.run("gcloud", "storage", "rm", "-r", bucket)


def node(shell: Shell) -> None:
    """Node's library: `npm ci --prefix tests/clients/node` brings it."""
    if not (NODE / "node_modules").is_dir():
        gone("node", "@google-cloud/storage is not installed below tests/clients/node")
    files_in(shell.folder)
    shell.run("node", NODE / "story.cjs", "story-of-node", "small", "big", "back")


def tensorflow(shell: Shell) -> None:
    """TensorFlow's `gs://`, which speaks both APIs by a client of its own."""
    files_in(shell.folder)
    shell.run(sys.executable, Path(__file__).parent / "tensorflow_story.py", "story-of-tensorflow", "big")


STORIES: Mapping[str, Callable[[Shell], None]] = {
    "gcloud-storage": gcloud_storage,
    "gsutil": gsutil,
    "node": node,
    "tensorflow": tensorflow,
}
