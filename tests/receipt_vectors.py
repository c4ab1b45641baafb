"""Receipts to be verified, or refused for one thing each."""

from __future__ import annotations

import json
from typing import Final

from contract.dsse import public_key_of
from contract.row_proof import prove_row
from tests.receipt_changes import (
    NOBODY,
    PART,
    Vector,
    another_row,
    claimed,
    contained,
    demanded,
    edit,
    emulated,
    emulated_production,
    grown,
    logged,
    made,
    proxied_beside_an_emulator,
    released,
    said,
    sha256,
    swap_rows,
    without_results,
)
from tests.receipt_forgeries import FORGERIES
from tests.receipts import (
    JOB,
    NOW,
    broker_identity,
    chain,
    release_of,
    rows_in,
)

VECTORS: Final = (
    Vector("the image that was demanded, with its results", "verified"),
    Vector("a policy that admits its claims", "verified", demanded(image_digest=None, policy="image.cel")),
    Vector("without its results", "verified", demanded(with_results=False)),
    Vector(
        "one row by its proof alone",
        "verified",
        demanded(with_results=False, proof=lambda draft: prove_row(rows_in(draft.results), 7)),
    ),
    Vector("a certificate has expired since", "verified", demanded(at=NOW + 300 * 86_400)),
    Vector("an emulator's, read as one", "verified", emulated),
    Vector(
        "a statement with a sealed model",
        "verified",
        lambda draft, asked: draft.predicate["model"].update(sealed_manifest="sha256:" + "e" * 64),
    ),
    Vector("a release, and the broker's key", "verified", released()),
    Vector("a release, and nobody's key: whose log it is stays open", "verified", released(key=None)),
    # What is not a receipt.
    Vector("no JSON", "receipt-malformed", made(text=lambda text: b"\x89PNG")),
    Vector(
        "a member of the envelope twice",
        "receipt-malformed",
        made(text=lambda text: text[:-1] + b',"payload":""}'),
    ),
    Vector(
        "an unknown member of the envelope",
        "receipt-malformed",
        made(envelope=lambda made: made | {"note": ""}),
    ),
    Vector(
        "another payload type",
        "receipt-malformed",
        made(envelope=lambda made: made | {"payloadType": "text/plain"}),
    ),
    Vector(
        "two signatures",
        "receipt-malformed",
        made(envelope=lambda made: made | {"signatures": made["signatures"] * 2}),
    ),
    Vector("no signature", "receipt-malformed", made(envelope=lambda made: made | {"signatures": []})),
    Vector(
        "a signature by another key",
        "receipt-malformed",
        made(envelope=lambda made: made | {"signatures": [made["signatures"][0] | {"keyid": "me"}]}),
    ),
    Vector(
        "a payload in the other alphabet of base64",
        "receipt-malformed",
        made(envelope=lambda made: made | {"payload": made["payload"][:-4] + "-_8="}),
    ),
    Vector("an unknown member of the predicate", "receipt-malformed", said(note="")),
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
    Vector("an unknown mode", "receipt-malformed", said(mode="staging")),
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
    Vector("a later format", "receipt-format-unknown", said(format=2)),
    Vector(
        "another kind of predicate",
        "receipt-format-unknown",
        lambda draft, asked: draft.statement.update(predicateType="https://slsa.dev/provenance/v1"),
    ),
    # What does not vouch for it.
    Vector("a token that is cut", "token-malformed", made(token=lambda token: token.rpartition(".")[0])),
    Vector(
        "a token without a signature's algorithm",
        "algorithm-not-allowed",
        lambda draft, asked: draft.header.update(alg="none"),
    ),
    Vector("a token signed by another key", "signature-invalid", made(signed_by="another leaf")),
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
    Vector("a token that was made for a part", "wrong-audience", claimed(aud="symbolon:part:v1")),
    Vector("a token that was made for STS", "wrong-audience", claimed(aud="https://sts.googleapis.com")),
    Vector("a token of another issuer", "wrong-issuer", claimed(iss="https://accounts.google.com")),
    Vector("a token from the future", "token-issued-in-future", demanded(at=NOW - 301)),
    Vector(
        "an emulator's, where one was not asked for",
        "emulator-evidence",
        lambda draft, asked: emulated(draft, asked, as_one=False),
    ),
    # What it does not vouch for.
    Vector(
        "a statement that was changed after it was sealed",
        "nonce-mismatch",
        made(payload=lambda payload: payload.replace(b'"top_k":3', b'"top_k":4')),
    ),
    Vector(
        "a statement that was written again with spaces",
        "nonce-mismatch",
        made(payload=lambda payload: json.dumps(json.loads(payload)).encode()),
    ),
    Vector("a token of another receipt", "nonce-mismatch", claimed(eat_nonce="0" * 64)),
    Vector("a token without a nonce", "nonce-mismatch", claimed(eat_nonce=[])),
    Vector(
        "a token for two statements",
        "nonce-mismatch",
        lambda draft, asked: draft.claims.update(eat_nonce=["0" * 64, "1" * 64]),
    ),
    Vector(
        "the statement names another image than the token",
        "statement-contradicted",
        contained(image_digest="sha256:" + "b" * 64),
    ),
    Vector(
        "the statement names another reference than the token",
        "statement-contradicted",
        contained(image_reference="elsewhere"),
    ),
    Vector(
        "the statement says emulator, and the token does not",
        "statement-contradicted",
        said(mode="emulator"),
    ),
    Vector(
        "the statement says production, and the token is an emulator's",
        "statement-contradicted",
        emulated_production,
    ),
    Vector(
        "the token speaks of no container",
        "statement-contradicted",
        lambda draft, asked: draft.claims["submods"].pop("container"),
    ),
    # What it was made in.
    Vector("a debug machine", "unprotected-machine", claimed(dbgstat="enabled")),
    Vector("a machine without Confidential Space", "unprotected-machine", claimed(swname="GCE")),
    Vector("a machine whose memory is in clear", "unprotected-machine", claimed(hwmodel="GCP_SHIELDED_VM")),
    Vector("a machine that did not start securely", "unprotected-machine", claimed(secboot=False)),
    Vector("a machine of a kind that nobody has heard of", "not-known", claimed(hwmodel="GCP_ABACUS")),
    Vector("another command", "overrides-beyond-label", contained(cmd_override=["sh"])),
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
    Vector("a proxy", "network-not-direct", said(network={"proxy": True, "private_ca": False})),
    Vector(
        "a private certificate authority",
        "network-not-direct",
        said(network={"proxy": False, "private_ca": True}),
    ),
    # By which release it had the model.
    Vector(
        "the release is in another broker's log", "note-signed-by-another", released(key="another broker")
    ),
    Vector(
        "the checkpoint was signed before it was changed",
        "note-signed-by-another",
        released(after=grown),
    ),
    Vector("the release is of another request", "release-contradicted", released(request=NOBODY)),
    Vector("the release is of another model", "release-contradicted", released(manifest=NOBODY)),
    Vector("the release is of another image", "release-contradicted", released(image=NOBODY)),
    Vector("the release is of another machine", "release-contradicted", released(instance="1")),
    Vector("the release is of another licence", "release-contradicted", released(licence="0" * 32)),
    Vector("the entry is a renewal", "release-contradicted", released(kind="renew", purpose="renew")),
    Vector(
        "the machine was launched with no licence",
        "release-contradicted",
        released(after=lambda draft, asked: draft.container["env"].pop("LICENCE")),
    ),
    Vector(
        "a release of a model that is not sealed",
        "release-contradicted",
        released(after=lambda draft, asked: draft.predicate["model"].update(sealed_manifest=None)),
    ),
    Vector("the entry stands in another place", "proof-rejected", released(after=logged(index="4"))),
    Vector("the proof is cut", "proof-rejected", released(key=None, after=logged(proof=[]))),
    Vector(
        "the opening is another entry's",
        "opening-of-another",
        released(after=logged(opening=release_of(lease="0" * 32)["logged"]["opening"])),
    ),
    Vector("the entry is none", "log-entry-malformed", released(after=logged(entry="eyJmb3JtYXQiOjF9"))),
    Vector("the checkpoint is none", "note-malformed", released(key=None, after=logged(checkpoint="x"))),
    Vector(
        "a release whose place in the log is a number",
        "receipt-malformed",
        released(after=logged(index=5)),
    ),
    Vector(
        "a broker's key is given, and there is no release",
        "not-known",
        demanded(broker_key=public_key_of(broker_identity()).text),
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
        lambda draft, asked: edit(draft, PART, b'"score": 0.25', b'"score": 0.75'),
    ),
    Vector(
        "the object `result` was edited",
        "results-differ",
        lambda draft, asked: edit(draft, "result", b"Image", b"image"),
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
        lambda draft, asked: swap_rows(draft),
    ),
    Vector(
        "a row is another one than the root's",
        "results-differ",
        lambda draft, asked: edit(draft, PART, b'"score": 0.25', b'"score": 0.75', sealed=True),
    ),
    Vector(
        "an input is another one than the root's",
        "results-differ",
        lambda draft, asked: edit(draft, PART, sha256(b"5"), sha256(b"another picture"), sealed=True),
    ),
    Vector(
        "a row is none",
        "results-differ",
        lambda draft, asked: edit(draft, PART, b'"predicted_class"', b'"predicted_cl\xff"', sealed=True),
    ),
    Vector(
        "a row is of another picture than its input",
        "results-differ",
        lambda draft, asked: edit(draft, PART, b"photos/000005.jpg", b"photos/000006.jpg", sealed=True),
    ),
    Vector(
        "a part of another job",
        "results-differ",
        lambda draft, asked: edit(draft, PART, JOB.encode(), b"sha256:" + b"0" * 64, sealed=True),
    ),
    Vector(
        "a part is not in the statement",
        "results-differ",
        lambda draft, asked: draft.statement["subject"].pop(0),
    ),
    Vector(
        "fewer rows than inputs",
        "counts-contradict",
        without_results(lambda draft: draft.predicate["rows"].update(size=39)),
    ),
    Vector(
        "more errors than rows",
        "counts-contradict",
        without_results(lambda draft: draft.predicate["counts"].update(unreadable=41)),
    ),
    Vector(
        "another number of errors than the results have",
        "counts-contradict",
        lambda draft, asked: draft.predicate["counts"].update(unreadable=2),
    ),
    Vector("a proof for another row", "proof-rejected", demanded(with_results=False, proof=another_row)),
    Vector(
        "a proof of another number of rows",
        "counts-contradict",
        demanded(with_results=False, proof=lambda draft: prove_row(rows_in(draft.results)[:-1], 7)),
    ),
    # Whom it is asked about.
    Vector("another image than was demanded", "another-image", demanded(image_digest="sha256:" + "f" * 64)),
    Vector("a policy that refuses its claims", "refused-by-policy", demanded(policy="hardware.cel")),
    Vector(
        "a policy that admits anybody's image",
        "not-known",
        demanded(image_digest=None, policy="anybody.cel"),
    ),
    Vector(
        "a policy that admits anybody's image, and the image is demanded",
        "verified",
        demanded(policy="anybody.cel"),
    ),
    Vector(
        "an emulator is asked about, and a production machine used a proxy",
        "network-not-direct",
        proxied_beside_an_emulator,
    ),
    Vector("nobody says whose image may be believed", "not-known", demanded(image_digest=None)),
    *FORGERIES,
)
