"""The receipt of a job: which attested image, model, inputs and results belong together.

`receipt.json` is a DSSE envelope around an in-toto Statement, and *its signature is the attestation*: a PKI
token of the platform whose nonce is the digest of what is signed. No key of ours signs anything.

    {"payloadType": "application/vnd.in-toto+json",
     "payload": base64 of the statement,
     "signatures": [{"keyid": "symbolon:attestation", "sig": base64 of the token}]}

- The **nonce** is the SHA-256, in hex digits, of DSSE's PAE over payload type and payload *as they stand*
  (`nonce_of`). Whoever verifies serialises nothing again.
- The token's **audience** is `symbolon:receipt:v1`, and so is the statement's `predicateType`.
- The statement's **subjects** are the result objects, by their names in the folder, with their SHA-256.
- Its **predicate** is `Statement` below, as RFC 8785 writes it: digests are `sha256:` and hex digits, roots
  are hex digits, what may have 64 bits is a string of digits, times are seconds since the epoch.
- A member that this reader does not know, or misses, makes a receipt malformed; so does a second reading of
  anything: a member twice, base64 with stray bits. Another `format` is unknown, and refused as such.

What a receipt proves, and what it does not: `docs/explanation/what-a-receipt-proves.md`.

Source: in-toto/attestation, spec/v1/statement.md; secure-systems-lab/dsse, protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object

from .canonical import decimal, parse_decimal, render_canonical
from .dsse import pae
from .parts import parse_part_name
from .release_log import Logged, logged_members, parse_logged
from .results import CODELAB_NAME

AUDIENCE = "symbolon:receipt:v1"
KEY_ID = "symbolon:attestation"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "symbolon:receipt:v1"
FORMAT = 1
MOST_BYTES = 4 * 1024 * 1024
"""About twice what the receipt of ten million pictures has."""

Mode: TypeAlias = Literal["production", "emulator"]

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ReceiptMalformed(EvidenceRejected):
    """It is not the envelope, or not the statement, that this program writes."""

    code = "receipt-malformed"


class ReceiptFormatUnknown(Misconfigured):
    """It is a receipt of another format: what it says is not known here."""

    code = "receipt-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A result object, by its name in the job's folder: `result`, or a part's."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root of a Merkle tree (`contract.merkle`), 32 bytes, and its number of leaves."""

    root: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """By which request of its own a start of the job was released the model's key, and where the broker's log
    has it. Whether that is so, `contract.release_log` and the checkpoint's signature say.
    """

    request: Digest
    logged: Logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the image says of its run. The token vouches for the image; the image vouches for this.

    `mode` says whose token seals it. `model` is the archive's URI, generation and SHA-256, with the digest
    of the sealed model's manifest where it came sealed; the generation is None where the terms pin none and
    the start that sealed had no picture left to show it. `inputs` are the listed pictures, `rows` the lines
    of the results as they are written. `unreadable` counts the rows that are errors, `left_out` what the
    listing passed over, by reason. Times are seconds since the epoch by the machine's own clock. `proxy` and
    `private_ca` say whether the environment sent the image's requests through one, or had it trust one.
    `release` is the release by which the start that sealed had the model, None where no broker was asked:
    another way to the key, or no picture left for that start.
    """

    mode: Mode
    image_digest: Digest
    image_reference: str
    model_uri: str
    model_generation: int | None
    model_digest: Digest
    sealed_manifest: Digest | None
    terms_digest: Digest
    provider: str
    service_account: str
    input_uri: str
    result_uri: str
    top_k: int
    job_digest: Digest
    inputs: Root
    rows: Root
    unreadable: int
    left_out: Mapping[str, int]
    began_at: int
    ended_at: int
    libraries: Mapping[str, str]
    proxy: bool
    private_ca: bool
    release: Released | None
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A receipt taken apart, and believed in nothing: what is signed, and the token that seals it."""

    payload: bytes
    token: str = field(repr=False)


def row_leaf(line: bytes) -> bytes:
    """The leaf of a row, of its line with or without its end.

    >>> row_leaf(b'{}\\n'), row_leaf(b'{}')
    (b'{}', b'{}')
    """
    return line.removesuffix(b"\n")


def nonce_of(payload: bytes) -> str:
    """What a token has to have as its nonce to seal `payload`: 64 hex digits.

    >>> nonce_of(b"{}")[:8]
    '4842cb1b'
    """
    return hashlib.sha256(pae(PAYLOAD_TYPE, payload)).hexdigest()


def render_receipt(payload: bytes, token: str) -> str:
    """The content of `receipt.json`: `token` seals `payload`, which `render_statement` wrote."""
    signature = {"keyid": KEY_ID, "sig": base64.b64encode(token.encode("ascii")).decode()}
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [signature],
    }
    return render_canonical(envelope).decode() + "\n"


def parse_receipt(data: bytes) -> Envelope:
    """`data` taken apart, where it is an envelope as `render_receipt` writes it.

    Raises:
        ReceiptMalformed: it is anything else.
    """
    if len(data) > MOST_BYTES:
        raise ReceiptMalformed(f"the receipt is larger than {MOST_BYTES} bytes")
    document = _json(data, "receipt")
    kind, payload, signatures = _members(document, "the receipt", "payloadType", "payload", "signatures")
    if kind != PAYLOAD_TYPE:
        raise ReceiptMalformed(f"the receipt's payload type is {quoted(str(kind))}, not `{PAYLOAD_TYPE}`")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ReceiptMalformed("the receipt does not have exactly one signature")
    key_id, signature = _members(signatures[0], "the receipt's signature", "keyid", "sig")
    if key_id != KEY_ID:
        raise ReceiptMalformed(f"the receipt's signature is by {quoted(str(key_id))}, not `{KEY_ID}`")
    try:
        token = _base64(signature).decode("ascii")
        return Envelope(payload=_base64(payload), token=token)
    except ValueError:
        raise ReceiptMalformed("the receipt's payload or signature is not base64") from None


def render_statement(statement: Statement) -> bytes:
    """The payload of a receipt."""
    said = statement
    sealed, release = said.sealed_manifest, said.release
    return render_canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": each.name, "digest": {"sha256": each.digest.removeprefix("sha256:")}}
                for each in said.subjects
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "format": FORMAT,
                "mode": said.mode,
                "image": {"digest": said.image_digest, "reference": said.image_reference},
                "model": {
                    "uri": said.model_uri,
                    "generation": None if said.model_generation is None else decimal(said.model_generation),
                    "digest": said.model_digest,
                    "sealed_manifest": sealed,
                },
                "terms": {"digest": said.terms_digest},
                "credential": {"provider": said.provider, "service_account": said.service_account},
                "request": {"input": said.input_uri, "result": said.result_uri, "top_k": said.top_k},
                "job": {"digest": said.job_digest},
                "inputs": {"root": said.inputs.root.hex(), "size": said.inputs.size},
                "rows": {"root": said.rows.root.hex(), "size": said.rows.size},
                "counts": {"unreadable": said.unreadable, "left_out": dict(said.left_out)},
                "began_at": said.began_at,
                "ended_at": said.ended_at,
                "libraries": dict(said.libraries),
                "network": {"proxy": said.proxy, "private_ca": said.private_ca},
                "release": None
                if release is None
                else {"request": release.request, "logged": logged_members(release.logged)},
            },
        }
    )


def parse_statement(payload: bytes) -> Statement:
    """What `render_statement` wrote.

    Raises:
        ReceiptFormatUnknown: it is a statement of another kind, or of another version.
        ReceiptMalformed: it is no such statement.
    """
    document = _json(payload, "receipt's statement")
    names = ("_type", "subject", "predicateType", "predicate")
    kind, subjects, predicate_type, predicate = _members(document, "the statement", *names)
    if (kind, predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise _unknown(f"a {quoted(str(predicate_type))} in a {quoted(str(kind))}")
    if not isinstance(predicate, dict):
        raise ReceiptMalformed("the statement's predicate is not an object")
    found = predicate.get("format")
    if type(found) is not int or found != FORMAT:
        raise _unknown(f"of `format` {quoted(str(found))}")
    try:
        return _statement(predicate, subjects)
    except Misconfigured as error:  # of a digest
        raise ReceiptMalformed(f"in the receipt's statement, {error.message}") from None
    except ValueError as error:
        raise ReceiptMalformed(f"in the receipt's statement, {error}") from None


def _statement(predicate: object, subjects: object) -> Statement:
    names = ("image", "model", "terms", "credential", "request", "job", "inputs", "rows", "counts", "network")
    alone = ("format", "mode", "began_at", "ended_at", "libraries", "release")
    read = dict(zip((*names, *alone), _members(predicate, "the predicate", *names, *alone), strict=True))
    mode = read["mode"]
    if mode not in ("production", "emulator"):
        raise ValueError(f"the mode {quoted(str(mode))} is not known")
    image_digest, image_reference = _members(read["image"], "`image`", "digest", "reference")
    uri, generation, model_digest, sealed = _members(
        read["model"], "`model`", "uri", "generation", "digest", "sealed_manifest"
    )
    provider, account = _members(read["credential"], "`credential`", "provider", "service_account")
    input_uri, result_uri, top_k = _members(read["request"], "`request`", "input", "result", "top_k")
    unreadable, left_out = _members(read["counts"], "`counts`", "unreadable", "left_out")
    proxy, private_ca = _members(read["network"], "`network`", "proxy", "private_ca")
    return Statement(
        mode=mode,
        image_digest=_digest(image_digest),
        image_reference=_text(image_reference),
        model_uri=_text(uri),
        model_generation=None if generation is None else parse_decimal(generation),
        model_digest=_digest(model_digest),
        sealed_manifest=None if sealed is None else _digest(sealed),
        terms_digest=_digest(*_members(read["terms"], "`terms`", "digest")),
        provider=_text(provider),
        service_account=_text(account),
        input_uri=_text(input_uri),
        result_uri=_text(result_uri),
        top_k=_whole(top_k),
        job_digest=_digest(*_members(read["job"], "`job`", "digest")),
        inputs=_root(read["inputs"], "`inputs`"),
        rows=_root(read["rows"], "`rows`"),
        unreadable=_whole(unreadable),
        left_out={name: _whole(count) for name, count in _object(left_out).items()},
        began_at=_whole(read["began_at"]),
        ended_at=_whole(read["ended_at"]),
        libraries={name: _text(version) for name, version in _object(read["libraries"]).items()},
        proxy=_flag(proxy),
        private_ca=_flag(private_ca),
        release=None if read["release"] is None else _released(read["release"]),
        subjects=_subjects(subjects),
    )


def _released(value: object) -> Released:
    request, logged = _members(value, "`release`", "request", "logged")
    try:
        return Released(request=_digest(request), logged=parse_logged(logged))
    except (LookupError, TypeError):
        raise ValueError("`logged` is not as a broker's answer has it") from None


def _subjects(value: object) -> tuple[Subject, ...]:
    if not isinstance(value, list):
        raise ValueError("`subject` is not a list")
    subjects = []
    for each in value:
        name, digest = _members(each, "a subject", "name", "digest")
        (sha256,) = _members(digest, "a subject's digest", "sha256")
        if name != CODELAB_NAME and parse_part_name(_text(name)) is None:  # who reads it reaches nothing else
            raise ValueError(f"{quoted(_text(name))} is not the name of a result object")
        subjects.append(Subject(name=_text(name), digest=_digest(f"sha256:{_text(sha256)}")))
    if len({subject.name for subject in subjects}) < len(subjects):
        raise ValueError("two subjects have one name")
    return tuple(subjects)


def _root(value: object, what: str) -> Root:
    root, size = _members(value, what, "root", "size")
    if not _HEX.fullmatch(_text(root)):
        raise ValueError(f"the root of {what} is not 64 hex digits")
    return Root(root=bytes.fromhex(_text(root)), size=_whole(size))


def _members(value: object, what: str, *names: str) -> list[object]:
    """The members of an object that has exactly these, in this order."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise ReceiptMalformed(f"{what} does not have exactly the members {', '.join(names)}")
    return [value[name] for name in names]


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("something is not an object")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("something is not a string")
    return value


def _digest(value: object) -> Digest:
    return parse_digest(_text(value))


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:  # one beyond 2^53 - 1 is no JSON here
        raise ValueError("something is not a whole number from 0 up")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("something is neither true nor false")
    return value


def _base64(value: object) -> bytes:
    """Bytes of which `value` is the one text in base64."""
    text = _text(value)
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


def _json(data: bytes, what: str) -> dict[str, object]:
    try:
        return parse_json_object(data, what=what)
    except EvidenceRejected as rejection:
        raise ReceiptMalformed(rejection.message) from None


def _unknown(found: str) -> ReceiptFormatUnknown:
    return ReceiptFormatUnknown(
        f"the receipt is {found}; this program reads format {FORMAT} of `{PREDICATE_TYPE}` alone",
        hint="read it with the version of this program that the image was published from",
    )
