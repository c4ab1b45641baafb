"""The folder that the table of receipts to be verified, or refused, is written to.

A folder of vectors holds, for another implementation too: `vectors.json`, a list of

    {"vector": "the sentence", "receipt": FILE, "results": FOLDER or null, "root": FILE, "emulator": false,
     "image_digest": "sha256:…" or null, "policy": FILE or null, "proof": FILE or null, "at": seconds,
     "broker_key": base64 of a public key or null,
     "expected": "verified", or the one class that has to be named}

and the files that it names. Nothing in it is random, so it is the same wherever it is made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from contract.row_proof import render_row_proof
from tests.receipt_changes import Asked, Vector
from tests.receipt_vectors import VECTORS
from tests.receipts import (
    IMAGE,
    Draft,
    root,
)

_PINNED: Final = f'assertion.submods.container.image_digest == "{IMAGE}"'
_POLICIES: Final = {
    "image.cel": _PINNED,
    "hardware.cel": f'{_PINNED} && assertion.hwmodel == "GCP_INTEL_TDX"',
    "anybody.cel": f'{_PINNED} || assertion.swname == "CONFIDENTIAL_SPACE"',
}


def write_vectors(folder: Path) -> int:
    """The vectors are in `folder`, which is new or empty; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, condition in _POLICIES.items():
        (folder / name).write_text(f"{condition}\n", encoding="utf-8")
    index = []
    for number, vector in enumerate(VECTORS):
        draft, asked = Draft(), Asked()
        vector.change(draft, asked)
        index.append(_write(folder, number, vector, draft, asked))
    text = json.dumps(index, indent=1, ensure_ascii=False)
    (folder / "vectors.json").write_text(f"{text}\n", encoding="utf-8")
    return len(index)


def _write(folder: Path, number: int, vector: Vector, draft: Draft, asked: Asked) -> dict[str, object]:
    own = folder / f"{number:02}"
    own.mkdir()
    (own / "receipt.json").write_bytes(draft.make())
    (folder / f"{asked.root}.pem").write_bytes(root(asked.root).public_bytes(Encoding.PEM))
    results = proof = None
    if asked.with_results:
        results = f"{own.name}/results"
        (folder / results).mkdir()
        for name, data in draft.results.items():
            (folder / results / name).write_bytes(data)
    if asked.proof is not None:
        proof = f"{own.name}/proof.json"
        (folder / proof).write_text(render_row_proof(asked.proof(draft)), encoding="utf-8")
    return {
        "vector": vector.sentence,
        "receipt": f"{own.name}/receipt.json",
        "results": results,
        "root": f"{asked.root}.pem",
        "emulator": asked.emulator,
        "image_digest": asked.image_digest,
        "policy": asked.policy,
        "proof": proof,
        "at": asked.at,
        "broker_key": asked.broker_key,
        "expected": vector.expected,
    }
