"""Receipts to be verified, or refused for one thing each: the table, and the folder it is written to.

A folder of vectors holds, for another implementation too: `vectors.json`, a list of

    {"vector": "the sentence", "receipt": FILE, "results": FOLDER or null, "root": FILE, "emulator": false,
     "image_digest": "sha256:…" or null, "policy": FILE or null, "proof": FILE or null, "at": seconds,
     "broker_key": base64 of a public key or null,
     "expected": "verified", or the one class that has to be named}

and the files that it names. Nothing in it is random, so it is the same wherever it is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from contract.dsse import public_key_of
from contract.row_proof import RowProof, prove_row, render_row_proof
from tests.receipts import (
    IMAGE,
    JOB,
    NOW,
    Draft,
    broker_identity,
    chain,
    release_of,
    root,
    rows_in,
    subjects_of,
)

_PINNED: Final = f'assertion.submods.container.image_digest == "{IMAGE}"'
_POLICIES: Final = {
    "image.cel": _PINNED,
    "hardware.cel": f'{_PINNED} && assertion.hwmodel == "GCP_INTEL_TDX"',
    "anybody.cel": f'{_PINNED} || assertion.swname == "CONFIDENTIAL_SPACE"',
}
_PART = "result-00000.jsonl"
_NOBODY = "sha256:" + "0" * 64


@dataclass(slots=True, kw_only=True)
class Asked:
    """What is demanded of a receipt, and the root that is trusted."""

    with_results: bool = True
    root: str = "root"
    emulator: bool = False
    image_digest: str | None = IMAGE
    policy: str | None = None
    at: int = NOW + 60
    proof: Callable[[Draft], RowProof] | None = None
    broker_key: str | None = None


Change = Callable[[Draft, Asked], object]


@dataclass(frozen=True, slots=True)
class Vector:
    """`sentence` says what is in it, `expected` is `verified` or the class that has to be named."""

    sentence: str
    expected: str
    change: Change = field(default=lambda draft, asked: None)


def _seal(draft: Draft) -> None:
    """The statement is of the results as they are now."""
    draft.statement["subject"] = subjects_of(draft.results)


def _edit(draft: Draft, name: str, old: bytes, new: bytes, *, sealed: bool = False) -> None:
    assert draft.results[name].count(old) >= 1
    draft.results[name] = draft.results[name].replace(old, new, 1)
    if sealed:
        _seal(draft)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _swap_rows(draft: Draft) -> None:
    lines = draft.results[_PART].splitlines(keepends=True)
    lines[5], lines[6] = lines[6], lines[5]
    draft.results[_PART] = b"".join(lines)
    _seal(draft)


def _another_row(draft: Draft) -> RowProof:
    rows = rows_in(draft.results)
    proof = prove_row(rows, 7)
    return RowProof(index=7, size=proof.size, row=rows[8], hashes=proof.hashes)


def _emulated(draft: Draft, asked: Asked, *, as_one: bool = True) -> None:
    draft.claims["symbolon_emulator"] = True
    draft.predicate["mode"] = "emulator"
    draft.predicate["network"] = {"proxy": True, "private_ca": True}
    asked.emulator = as_one


def _set(target: object, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        setattr(target, name, value)


def _emulated_production(draft: Draft, asked: Asked) -> None:
    _emulated(draft, asked)
    draft.predicate["mode"] = "production"


def _proxied_beside_an_emulator(draft: Draft, asked: Asked) -> None:
    draft.predicate["network"] = {"proxy": True, "private_ca": False}
    asked.emulator = True


def _without_results(change: Callable[[Draft], object]) -> Change:
    def changed(draft: Draft, asked: Asked) -> None:
        asked.with_results = False
        change(draft)

    return changed


def _said(**changes: object) -> Change:
    return lambda draft, asked: draft.predicate.update(changes)


def _claimed(**changes: object) -> Change:
    return lambda draft, asked: draft.claims.update(changes)


def _contained(**changes: object) -> Change:
    return lambda draft, asked: draft.container.update(changes)


def _demanded(**changes: object) -> Change:
    return lambda draft, asked: _set(asked, changes)


def _made(**changes: object) -> Change:
    return lambda draft, asked: _set(draft, changes)


def _released(*, key: str | None = "broker", after: Change = lambda draft, asked: None, **how: Any) -> Change:
    """A broker has released the model's key, and its key is given, or another's."""

    def changed(draft: Draft, asked: Asked) -> None:
        draft.release(**how)
        asked.broker_key = None if key is None else public_key_of(broker_identity(key)).text
        after(draft, asked)

    return changed


def _logged(**changes: object) -> Change:
    return lambda draft, asked: draft.predicate["release"]["logged"].update(changes)


def _grown(draft: Draft, asked: Asked) -> None:
    """The checkpoint says that there is one entry more."""
    logged = draft.predicate["release"]["logged"]
    logged["checkpoint"] = logged["checkpoint"].replace("\n7\n", "\n8\n", 1)


VECTORS: Final = (
    Vector("the image that was demanded, with its results", "verified"),
    Vector("a policy that admits its claims", "verified", _demanded(image_digest=None, policy="image.cel")),
    Vector("without its results", "verified", _demanded(with_results=False)),
    Vector(
        "one row by its proof alone",
        "verified",
        _demanded(with_results=False, proof=lambda draft: prove_row(rows_in(draft.results), 7)),
    ),
    Vector("a certificate has expired since", "verified", _demanded(at=NOW + 300 * 86_400)),
    Vector("an emulator's, read as one", "verified", _emulated),
    Vector(
        "a statement with a sealed model",
        "verified",
        lambda draft, asked: draft.predicate["model"].update(sealed_manifest="sha256:" + "e" * 64),
    ),
    Vector("a release, and the broker's key", "verified", _released()),
    Vector("a release, and nobody's key: whose log it is stays open", "verified", _released(key=None)),
    # What is not a receipt.
    Vector("no JSON", "receipt-malformed", _made(text=lambda text: b"\x89PNG")),
    Vector(
        "a member of the envelope twice",
        "receipt-malformed",
        _made(text=lambda text: text[:-1] + b',"payload":""}'),
    ),
    Vector(
        "an unknown member of the envelope",
        "receipt-malformed",
        _made(envelope=lambda made: made | {"note": ""}),
    ),
    Vector(
        "another payload type",
        "receipt-malformed",
        _made(envelope=lambda made: made | {"payloadType": "text/plain"}),
    ),
    Vector(
        "two signatures",
        "receipt-malformed",
        _made(envelope=lambda made: made | {"signatures": made["signatures"] * 2}),
    ),
    Vector("no signature", "receipt-malformed", _made(envelope=lambda made: made | {"signatures": []})),
    Vector(
        "a signature by another key",
        "receipt-malformed",
        _made(envelope=lambda made: made | {"signatures": [made["signatures"][0] | {"keyid": "me"}]}),
    ),
    Vector(
        "a payload in the other alphabet of base64",
        "receipt-malformed",
        _made(envelope=lambda made: made | {"payload": made["payload"][:-4] + "-_8="}),
    ),
    Vector("an unknown member of the predicate", "receipt-malformed", _said(note="")),
    Vector(
        "a predicate without counts", "receipt-malformed", lambda draft, asked: draft.predicate.pop("counts")
    ),
    Vector(
        "a generation that is a number",
        "receipt-malformed",
        lambda draft, asked: draft.predicate["model"].update(generation=1),
    ),
    Vector(
        "a predicate that is a list",
        "receipt-malformed",
        lambda draft, asked: draft.statement.update(predicate=[]),
    ),
    Vector("an unknown mode", "receipt-malformed", _said(mode="staging")),
    Vector(
        "a result object outside the folder",
        "receipt-malformed",
        lambda draft, asked: draft.statement["subject"][0].update(name="../result"),
    ),
    Vector(
        "one result object twice",
        "receipt-malformed",
        lambda draft, asked: draft.statement["subject"].append(draft.statement["subject"][0]),
    ),
    Vector("a later format", "receipt-format-unknown", _said(format=2)),
    Vector(
        "another kind of predicate",
        "receipt-format-unknown",
        lambda draft, asked: draft.statement.update(predicateType="https://slsa.dev/provenance/v1"),
    ),
    # What does not vouch for it.
    Vector("a token that is cut", "token-malformed", _made(token=lambda token: token.rpartition(".")[0])),
    Vector(
        "a token without a signature's algorithm",
        "algorithm-not-allowed",
        lambda draft, asked: draft.header.update(alg="none"),
    ),
    Vector("a token signed by another key", "signature-invalid", _made(signed_by="another leaf")),
    Vector("a token without certificates", "chain-missing", lambda draft, asked: draft.header.pop("x5c")),
    Vector(
        "certificates that end in another root",
        "untrusted-root",
        lambda draft, asked: draft.header.update(x5c=chain(ends_in="another root")),
    ),
    Vector(
        "a certificate that had expired when it was sealed",
        "certificate-expired",
        lambda draft, asked: draft.header.update(x5c=chain(leaf_ends_at=NOW - 1)),
    ),
    Vector("a token that was made for a part", "wrong-audience", _claimed(aud="symbolon:part:v1")),
    Vector("a token that was made for STS", "wrong-audience", _claimed(aud="https://sts.googleapis.com")),
    Vector("a token of another issuer", "wrong-issuer", _claimed(iss="https://accounts.google.com")),
    Vector("a token from the future", "token-issued-in-future", _demanded(at=NOW - 301)),
    Vector(
        "an emulator's, where one was not asked for",
        "emulator-evidence",
        lambda draft, asked: _emulated(draft, asked, as_one=False),
    ),
    # What it does not vouch for.
    Vector(
        "a statement that was changed after it was sealed",
        "nonce-mismatch",
        _made(payload=lambda payload: payload.replace(b'"top_k":3', b'"top_k":4')),
    ),
    Vector(
        "a statement that was written again with spaces",
        "nonce-mismatch",
        _made(payload=lambda payload: json.dumps(json.loads(payload)).encode()),
    ),
    Vector("a token of another receipt", "nonce-mismatch", _claimed(eat_nonce="0" * 64)),
    Vector("a token without a nonce", "nonce-mismatch", _claimed(eat_nonce=[])),
    Vector(
        "a token for two statements",
        "nonce-mismatch",
        lambda draft, asked: draft.claims.update(eat_nonce=["0" * 64, "1" * 64]),
    ),
    Vector(
        "the statement names another image than the token",
        "statement-contradicted",
        _contained(image_digest="sha256:" + "b" * 64),
    ),
    Vector(
        "the statement names another reference than the token",
        "statement-contradicted",
        _contained(image_reference="elsewhere"),
    ),
    Vector(
        "the statement says emulator, and the token does not",
        "statement-contradicted",
        _said(mode="emulator"),
    ),
    Vector(
        "the statement says production, and the token is an emulator's",
        "statement-contradicted",
        _emulated_production,
    ),
    Vector(
        "the token speaks of no container",
        "statement-contradicted",
        lambda draft, asked: draft.claims["submods"].pop("container"),
    ),
    # What it was made in.
    Vector("a debug machine", "unprotected-machine", _claimed(dbgstat="enabled")),
    Vector("a machine without Confidential Space", "unprotected-machine", _claimed(swname="GCE")),
    Vector("a machine whose memory is in clear", "unprotected-machine", _claimed(hwmodel="GCP_SHIELDED_VM")),
    Vector("a machine that did not start securely", "unprotected-machine", _claimed(secboot=False)),
    Vector("a machine of a kind that nobody has heard of", "not-known", _claimed(hwmodel="GCP_ABACUS")),
    Vector("another command", "overrides-beyond-label", _contained(cmd_override=["sh"])),
    Vector(
        "a variable that the label does not allow",
        "overrides-beyond-label",
        lambda draft, asked: draft.container["env_override"].update(STORAGE_EMULATOR_HOST="http://elsewhere"),
    ),
    Vector(
        "another folder of inputs than the statement has",
        "overrides-beyond-label",
        lambda draft, asked: draft.container["env"].update(INPUT_URI="gs://secundus-input/others/"),
    ),
    Vector(
        "more classes asked for than the statement has",
        "overrides-beyond-label",
        lambda draft, asked: draft.container["env"].update(TOP_K="5"),
    ),
    Vector("a proxy", "network-not-direct", _said(network={"proxy": True, "private_ca": False})),
    Vector(
        "a private certificate authority",
        "network-not-direct",
        _said(network={"proxy": False, "private_ca": True}),
    ),
    # By which release it had the model.
    Vector(
        "the release is in another broker's log", "note-signed-by-another", _released(key="another broker")
    ),
    Vector(
        "the checkpoint was signed before it was changed",
        "note-signed-by-another",
        _released(after=_grown),
    ),
    Vector("the release is of another request", "release-contradicted", _released(request=_NOBODY)),
    Vector("the release is of another model", "release-contradicted", _released(manifest=_NOBODY)),
    Vector("the release is of another image", "release-contradicted", _released(image=_NOBODY)),
    Vector("the release is of another machine", "release-contradicted", _released(instance="1")),
    Vector("the release is of another licence", "release-contradicted", _released(licence="0" * 32)),
    Vector("the entry is a renewal", "release-contradicted", _released(kind="renew", purpose="renew")),
    Vector(
        "the machine was launched with no licence",
        "release-contradicted",
        _released(after=lambda draft, asked: draft.container["env"].pop("LICENCE")),
    ),
    Vector(
        "a release of a model that is not sealed",
        "release-contradicted",
        _released(after=lambda draft, asked: draft.predicate["model"].update(sealed_manifest=None)),
    ),
    Vector("the entry stands in another place", "proof-rejected", _released(after=_logged(index="4"))),
    Vector("the proof is cut", "proof-rejected", _released(key=None, after=_logged(proof=[]))),
    Vector(
        "the opening is another entry's",
        "opening-of-another",
        _released(after=_logged(opening=release_of(lease="0" * 32)["logged"]["opening"])),
    ),
    Vector("the entry is none", "log-entry-malformed", _released(after=_logged(entry="eyJmb3JtYXQiOjF9"))),
    Vector("the checkpoint is none", "note-malformed", _released(key=None, after=_logged(checkpoint="x"))),
    Vector(
        "a release whose place in the log is a number",
        "receipt-malformed",
        _released(after=_logged(index=5)),
    ),
    Vector(
        "a broker's key is given, and there is no release",
        "not-known",
        _demanded(broker_key=public_key_of(broker_identity()).text),
    ),
    # What lies beside it.
    Vector(
        "a part is missing", "results-differ", lambda draft, asked: draft.results.pop("result-00001.jsonl")
    ),
    Vector(
        "the object `result` is missing", "results-differ", lambda draft, asked: draft.results.pop("result")
    ),
    Vector(
        "a row was edited",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, b'"score": 0.25', b'"score": 0.75'),
    ),
    Vector(
        "the object `result` was edited",
        "results-differ",
        lambda draft, asked: _edit(draft, "result", b"Image", b"image"),
    ),
    Vector(
        "a part was added",
        "results-differ",
        lambda draft, asked: draft.results.update(
            {"result-00002.jsonl": draft.results["result-00001.jsonl"]}
        ),
    ),
    Vector(
        "a file that a reader would take for a part",
        "results-differ",
        lambda draft, asked: draft.results.update({"result-000002.jsonl": b"{}"}),
    ),
    Vector(
        "a file that a reader would take for all parts in one",
        "results-differ",
        lambda draft, asked: draft.results.update({"result.jsonl": b"{}"}),
    ),
    Vector(
        "the object `result` is there, and not in the statement",
        "results-differ",
        lambda draft, asked: draft.statement["subject"].pop(),
    ),
    Vector(
        "two rows changed places, under the same root",
        "results-differ",
        lambda draft, asked: _swap_rows(draft),
    ),
    Vector(
        "a row is another one than the root's",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, b'"score": 0.25', b'"score": 0.75', sealed=True),
    ),
    Vector(
        "an input is another one than the root's",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, _sha256(b"5"), _sha256(b"another picture"), sealed=True),
    ),
    Vector(
        "a row is none",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, b'"predicted_class"', b'"predicted_cl\xff"', sealed=True),
    ),
    Vector(
        "a row is of another picture than its input",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, b"photos/000005.jpg", b"photos/000006.jpg", sealed=True),
    ),
    Vector(
        "a part of another job",
        "results-differ",
        lambda draft, asked: _edit(draft, _PART, JOB.encode(), b"sha256:" + b"0" * 64, sealed=True),
    ),
    Vector(
        "a part is not in the statement",
        "results-differ",
        lambda draft, asked: draft.statement["subject"].pop(0),
    ),
    Vector(
        "fewer rows than inputs",
        "counts-contradict",
        _without_results(lambda draft: draft.predicate["rows"].update(size=39)),
    ),
    Vector(
        "more errors than rows",
        "counts-contradict",
        _without_results(lambda draft: draft.predicate["counts"].update(unreadable=41)),
    ),
    Vector(
        "another number of errors than the results have",
        "counts-contradict",
        lambda draft, asked: draft.predicate["counts"].update(unreadable=2),
    ),
    Vector("a proof for another row", "proof-rejected", _demanded(with_results=False, proof=_another_row)),
    Vector(
        "a proof of another number of rows",
        "counts-contradict",
        _demanded(with_results=False, proof=lambda draft: prove_row(rows_in(draft.results)[:-1], 7)),
    ),
    # Whom it is asked about.
    Vector("another image than was demanded", "another-image", _demanded(image_digest="sha256:" + "f" * 64)),
    Vector("a policy that refuses its claims", "refused-by-policy", _demanded(policy="hardware.cel")),
    Vector(
        "a policy that admits anybody's image",
        "not-known",
        _demanded(image_digest=None, policy="anybody.cel"),
    ),
    Vector(
        "a policy that admits anybody's image, and the image is demanded",
        "verified",
        _demanded(policy="anybody.cel"),
    ),
    Vector(
        "an emulator is asked about, and a production machine used a proxy",
        "network-not-direct",
        _proxied_beside_an_emulator,
    ),
    Vector("nobody says whose image may be believed", "not-known", _demanded(image_digest=None)),
)


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
