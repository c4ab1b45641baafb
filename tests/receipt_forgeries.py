"""Receipts that two readers might read otherwise, or of which one thing does not go with another."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from contract.canonical import render_canonical
from contract.receipt import nonce_of
from tests.receipt_changes import NOBODY, Asked, Change, Vector, claimed, contained, made, without_results
from tests.receipts import NOW, Draft, chain


def sealed(old: bytes, new: bytes) -> Change:
    """The statement was written so, and the token made for it."""
    return made(sealed=lambda payload: payload.replace(old, new, 1))


def nonce_as(form: str) -> Change:
    """The statement's nonce in another form than a verifier writes it."""

    def changed(draft: Draft, asked: Asked) -> None:
        payload = render_canonical(draft.statement)
        draft.claims["eat_nonce"] = {
            "list": [nonce_of(payload)],
            "twice": [nonce_of(payload)] * 2,
            "upper case": nonce_of(payload).upper(),
            "bare digest": hashlib.sha256(payload).hexdigest(),
        }[form]

    return changed


FORGERIES: Final = (
    # Read alike by all.
    Vector(
        "the members of the statement in another order",
        "verified",
        made(sealed=lambda payload: json.dumps(dict(reversed(json.loads(payload).items()))).encode()),
    ),
    Vector("a nonce that is a list of one", "verified", nonce_as("list")),
    # Read otherwise by some.
    Vector(
        "a member of the statement twice, once by an escape",
        "receipt-malformed",
        sealed(b'"top_k":3', b'"top_k":3,"top\\u005fk":4'),
    ),
    Vector("a count that is no whole number", "receipt-malformed", sealed(b'"size":40', b'"size":40.0')),
    Vector(
        "a count that a double does not hold",
        "receipt-malformed",
        sealed(b'"size":40', b'"size":9007199254740993'),
    ),
    Vector("a count of five thousand digits", "receipt-malformed", sealed(b":40", b":" + b"4" * 5000)),
    Vector("a moment that is infinite", "receipt-malformed", sealed(b'"ended_at":1', b'"ended_at":1e999')),
    Vector(
        "a generation with a zero before it",
        "receipt-malformed",
        lambda draft, asked: draft.predicate["model"].update(generation="01"),
    ),
    Vector("half of a surrogate pair", "receipt-malformed", sealed(b"us-docker", b"\\ud800")),
    Vector("a mark of the byte order", "receipt-malformed", made(text=lambda text: b"\xef\xbb\xbf" + text)),
    Vector("lists without end", "receipt-malformed", made(text=lambda text: b'{"payload":' + b"[" * 100_000)),
    Vector(
        "another digest beside a subject's SHA-256",
        "receipt-malformed",
        lambda draft, asked: draft.statement["subject"][0]["digest"].update(sha512="0" * 128),
    ),
    Vector(
        "a signature before the attestation's",
        "receipt-malformed",
        made(
            envelope=lambda made: made | {"signatures": [{"keyid": "me", "sig": "AAAA"}, *made["signatures"]]}
        ),
    ),
    Vector("a token with the end of a line", "token-malformed", made(token=lambda token: token + "\n")),
    Vector(
        "a claim twice", "duplicate-claim", made(claimed=lambda said: b'{"dbgstat": "enabled", ' + said[1:])
    ),
    Vector("a nonce twice", "nonce-mismatch", nonce_as("twice")),
    Vector("a nonce in upper case", "nonce-mismatch", nonce_as("upper case")),
    Vector("a nonce that leaves the payload type out", "nonce-mismatch", nonce_as("bare digest")),
    Vector("a nonce that is a number", "claim-malformed", claimed(eat_nonce=5)),
    Vector("a token for nobody", "wrong-audience", claimed(aud=[])),
    Vector("a moment that is a fraction", "claim-missing", claimed(iat=NOW + 0.5)),
    Vector("a token that begins after it was issued", "token-not-yet-valid", claimed(nbf=NOW + 100)),
    Vector("a token that ended before it was issued", "token-never-valid", claimed(exp=NOW - 1)),
    Vector(
        "a demand in the header that nobody understands",
        "critical-header",
        lambda draft, asked: draft.header.update(crit=["b64"], b64=False),
    ),
    Vector(
        "a root and nothing below it",
        "chain-malformed",
        lambda draft, asked: draft.header.update(x5c=chain()[1:]),
    ),
    Vector(
        "a root twice",
        "certificate-twice",
        lambda draft, asked: draft.header.update(x5c=[*chain(), chain()[1]]),
    ),
    Vector("an emulator's that denies it", "emulator-evidence", claimed(symbolon_emulator=False)),
    Vector(
        "a machine that does not say whether it is open",
        "unprotected-machine",
        lambda draft, asked: draft.claims.pop("dbgstat"),
    ),
    # What does not go together.
    Vector(
        "statement and token of another image",
        "another-image",
        lambda draft, asked: (
            draft.predicate["image"].update(digest=NOBODY),
            contained(image_digest=NOBODY)(draft, asked),
        ),
    ),
    Vector(
        "one row and one input more than there are",
        "results-differ",
        lambda draft, asked: [draft.predicate[each].update(size=41) for each in ("rows", "inputs")],
    ),
    Vector(
        "no result object",
        "counts-contradict",
        without_results(lambda draft: draft.statement["subject"].clear()),
    ),
    Vector(
        "the object `result` alone",
        "counts-contradict",
        without_results(lambda draft: draft.statement.update(subject=draft.statement["subject"][-1:])),
    ),
    Vector(
        "parts in another order",
        "counts-contradict",
        without_results(lambda draft: draft.statement["subject"].reverse()),
    ),
    Vector(
        "the object `result` is neither there nor in the statement",
        "counts-contradict",
        lambda draft, asked: (draft.results.pop("result"), draft.statement["subject"].pop()),
    ),
    Vector(
        "more parts than rows",
        "counts-contradict",
        without_results(
            lambda draft: draft.predicate.update(
                {each: draft.predicate[each] | {"size": 1} for each in ("rows", "inputs")},
                counts={"unreadable": 0, "left_out": {}},
            )
        ),
    ),
)
