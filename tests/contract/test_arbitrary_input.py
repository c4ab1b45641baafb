"""Whatever owner, operator or bucket hands in, the answer is what was asked for or a refusal in one line."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured
from contract.claim import Claim, parse_claim, render_claim
from contract.job import JobRecord, LeftOut, ListedPicture, parse_job, render_job
from contract.merkle import ProofRejected
from contract.parts import InputLeaf, Part, parse_part, render_part
from contract.receipt import parse_receipt, parse_statement, render_receipt, render_statement
from contract.request import agree, parse_request
from contract.results import parse_error, parse_row, parse_timings, render_error, render_row
from contract.row_proof import parse_row_proof, prove_row, render_row_proof
from contract.terms import TABLES, OwnerTerms, named_runtime, parse_terms, render_terms
from contract.uris import FolderUri
from tests.receipts import Draft
from tests.workload.samples import TERMS, terms_text

tried = settings(max_examples=100)

WHOLE = tomllib.loads(terms_text())
KEYS = sorted({*WHOLE, *(name for table in TABLES for name in WHOLE.get(table, {}))})
words = st.sampled_from([*KEYS, "format", "fp32", "gs://a-bucket/b", "0" * 64]) | st.text(max_size=8)
scalars = st.booleans() | st.integers() | st.floats() | words
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=6)


def toml(value: Any) -> str:
    """A value as TOML has it in one line; JSON's texts are TOML's, but for a few that neither reads."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(below)}" for name, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def terms_of(text: str) -> OwnerTerms | None:
    try:
        terms = parse_terms(text)
    except Misconfigured as refused:
        assert "\n" not in refused.message and refused.message.isprintable()
        assert refused.hint
        return None
    assert parse_terms(render_terms(terms)) == terms
    return terms


@tried
@given(st.text(max_size=200) | st.text("[]{}=\"'.#\n 0-", max_size=60))
@example("[" * 100_000)
@example("a = " + "{b = " * 5_000)
@example("\ud800")
def test_any_text_as_terms(text: str) -> None:
    terms_of(text)
    named_runtime(text)


@tried
@given(objects)
def test_any_document_as_terms(document: dict[str, object]) -> None:
    text = "\n".join(
        f"{json.dumps(name)} = {toml(value)}" for name, value in {"format": 1, **document}.items()
    )
    terms_of(text)
    named_runtime(text)


@tried
@given(st.sampled_from([line for line in terms_text().splitlines() if " = " in line]), values)
def test_any_value_of_any_key_of_terms(line: str, value: object) -> None:
    name = line.partition(" = ")[0]
    terms_of(terms_text().replace(line, f"{name} = {toml(value)}", 1))


NAMES = ("INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE", "LICENCE")
uris = st.sampled_from(["gs://photos/june", "gs://results", ""]) | st.from_regex(r"gs://.*", fullmatch=True)
numbers = st.integers(-2, 2000).map(str) | st.from_regex(r"\d{1,30}", fullmatch=True)


@tried
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, uris | numbers | st.text(max_size=20)))
    | st.fixed_dictionaries(
        {"INPUT_URI": uris, "RESULT_URI": uris}, optional={"TOP_K": numbers, "BATCH_SIZE": numbers}
    )
)
def test_any_environment_as_a_request(environment: dict[str, str]) -> None:
    try:
        job = agree(TERMS, parse_request(environment))
    except Misconfigured as refused:
        assert "\n" not in refused.message and refused.message.isprintable()
        assert refused.hint
        return
    assert 1 <= job.top_k <= TERMS.egress.largest_top_k
    assert job.batch_size is None or 1 <= job.batch_size <= 1024


@tried
@given(objects, st.sampled_from(["row", "error", "timings"]))
def test_any_document_as_a_result(document: dict[str, object], kind: str) -> None:
    text = json.dumps({"format": 1, **document})
    try:
        if kind == "row":
            row = parse_row(text)
            assert not row.predictions or parse_row(render_row(row, score_digits=9))
        elif kind == "error":
            error = parse_error(text)
            assert parse_error(render_error(error)) == error
        else:
            parse_timings(text)
    except Misconfigured as refused:
        assert "\n" not in refused.message


JOB = JobRecord(
    image_digest=Digest("sha256:" + "a" * 64),
    terms_digest=Digest("sha256:" + "b" * 64),
    input=FolderUri(bucket="photos", prefix="june/"),
    result=FolderUri(bucket="results", prefix="june/"),
    top_k=3,
    pictures=(
        ListedPicture(name="june/a.png", generation=2**63, size=7),
        ListedPicture(name="june/b.png", generation=1, size=2**30, crc32c="AAAAAA==", is_gzipped=True),
    ),
    left_out=LeftOut(placeholders=1, other_names=2),
)
LEAF = InputLeaf(name="june/a.png", generation=1, sha256=None)
PART = Part(index=0, job=JOB.digest, rows=(b'{"format": 1}\n',), inputs=(LEAF,), token="a.b.c")
*ROWS, TRAILER = render_part(PART).splitlines()
ENVELOPE = Draft().make()
PROOF = prove_row([b"{}", b"[]", b"1"], 1)

OPEN = ("placeholders", "other_names", "numpy", "openvino")
"""Names in a statement's maps, `OPEN_MAPS`, which may have any."""
OPEN_MAPS = (("left_out",), ("libraries",))
NEAR: st.SearchStrategy[object] = st.sampled_from(
    [True, 0, -1, 1.5, 2**53, 2**64, "01", "", None, [], {}, "\ud800"]
)

Reader = Callable[[bytes], object]


def read_receipt(data: bytes) -> None:
    envelope = parse_receipt(data)
    assert parse_receipt(render_receipt(envelope.payload, envelope.token).encode()) == envelope


def read_statement(data: bytes) -> None:
    statement = parse_statement(data)
    assert parse_statement(render_statement(statement)) == statement


def read_job(data: bytes) -> None:
    job, token = parse_job(data, folder=JOB.result)
    assert parse_job(render_job(job, token=token), folder=JOB.result) == (job, token)


def read_claim(data: bytes) -> None:
    claim = parse_claim(data, hint="clear the folder")
    assert parse_claim(render_claim(claim), hint="") == claim


def read_part(data: bytes) -> None:
    part = parse_part(data, where="result-00000.jsonl")
    assert render_part(part) == data
    assert len(part.nonce) == 64


def read_trailer(data: bytes) -> None:
    read_part(b"\n".join([*ROWS, data]) + b"\n")


def read_row_proof(data: bytes) -> None:
    proof = parse_row_proof(data)
    assert parse_row_proof(render_row_proof(proof).encode()) == proof
    with suppress(ProofRejected):
        assert len(proof.root()) == 32


# A reader, and the document that it takes as it stands.
DOCUMENTS: dict[str, tuple[Reader, bytes]] = {
    "receipt": (read_receipt, ENVELOPE),
    "statement": (read_statement, parse_receipt(ENVELOPE).payload),
    "job": (read_job, render_job(JOB, token="a.b.c")),
    "claim": (read_claim, render_claim(Claim(instance_id="1", start_id="2", renewals=3))),
    "part": (read_part, render_part(PART)),
    "trailer": (read_trailer, TRAILER),
    "row proof": (read_row_proof, render_row_proof(PROOF).encode()),
}
documents = st.sampled_from(sorted(DOCUMENTS))
JSON_DOCUMENTS = sorted(DOCUMENTS.keys() - {"part"})


def answered(reader: Reader, data: bytes) -> None:
    """The reader takes `data`, or says in one line why not."""
    try:
        reader(data)
    except (EvidenceRejected, Misconfigured) as refused:
        assert "\n" not in refused.message and refused.message.isprintable()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for name, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*path, name))


def with_another(document: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    first, *rest = path
    changed = copy.copy(document)
    changed[first] = with_another(document[first], tuple(rest), value) if rest else value
    return changed


def without(document: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    *above, last = path
    holder = changed
    for step in above:
        holder = holder[step]
    del holder[last]
    return changed


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_is_read_as_it_stands(name: str) -> None:
    reader, data = DOCUMENTS[name]
    reader(data)


@tried
@given(documents, st.binary(max_size=300))
def test_any_bytes_as_a_document(name: str, data: bytes) -> None:
    answered(DOCUMENTS[name][0], data)


@tried
@given(documents, st.data())
def test_any_change_of_a_document_s_bytes(name: str, chosen: st.DataObject) -> None:
    reader, data = DOCUMENTS[name]
    start = chosen.draw(st.integers(0, len(data)))
    end = chosen.draw(st.integers(start, min(len(data), start + 40)))
    answered(reader, data[:start] + chosen.draw(st.binary(max_size=40)) + data[end:])


@settings(tried, max_examples=400)
@given(st.sampled_from(JSON_DOCUMENTS), st.data())
def test_any_value_at_any_place_of_a_document(name: str, chosen: st.DataObject) -> None:
    reader, data = DOCUMENTS[name]
    document = json.loads(data)
    path = chosen.draw(st.sampled_from(list(places(document))))
    near: st.SearchStrategy[object] = st.sampled_from(
        [True, 0, -1, 1.5, 2**53, 2**64, "01", "", None, [], {}, "\ud800"]
    )
    answered(reader, json.dumps(with_another(document, path, chosen.draw(near | values))).encode())


@pytest.mark.parametrize("name", JSON_DOCUMENTS)
def test_nothing_of_a_document_can_be_left_out_unnoticed(name: str) -> None:
    """But for what a listing says of some objects alone, and the elements of its lists."""
    reader, data = DOCUMENTS[name]
    document = json.loads(data)
    for path in places(document):
        if path and isinstance(path[-1], str) and path[-1] not in ("crc32c", "is_gzipped", *OPEN):
            with pytest.raises((EvidenceRejected, Misconfigured)):
                reader(json.dumps(without(document, path)).encode())


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"part", "job", "claim"}))
def test_nothing_can_be_added_to_what_is_sealed(name: str) -> None:
    """Nor to a proof. `job.json` and a claim are sealed, or compared, as they were read."""
    reader, data = DOCUMENTS[name]
    document = json.loads(data)
    for path in places(document):
        if path and isinstance(path[-1], str) and path[-1] not in OPEN and path[-2:-1] not in OPEN_MAPS:
            with pytest.raises((EvidenceRejected, Misconfigured)):
                reader(json.dumps(with_another(document, (*path[:-1], "added"), "1")).encode())
