"""Whatever owner, operator or bucket hands in, the answer is what was asked for or a refusal in one line."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from attestation.errors import Misconfigured
from contract.request import agree, parse_request
from contract.results import parse_error, parse_row, parse_timings, render_error, render_row
from contract.terms import TABLES, OwnerTerms, named_runtime, parse_terms, render_terms
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


NAMES = ("INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE")
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
