"""Files, standard input and times, as people give them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from symbolon.inputs import MAX_INPUT_BYTES, parse_json_document, parse_time, read_text
from tests.symbolon.conftest import Ask


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1757060250", 1757060250.0),
        ("1757060250.5", 1757060250.5),
        ("2025-09-05T08:17:30Z", 1757060250.0),
        ("2025-09-05T10:17:30+02:00", 1757060250.0),
        ("2025-09-05t08:17:30.500z", 1757060250.5),
    ],
)
def test_a_time_is_seconds_or_rfc_3339(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "now", "2025-09-05", "2025-09-05T08:17:30", "-1", "1e9", "inf", "9" * 17, "9" * 400, "1.5.5", "1_0"],
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(Misconfigured, match="is not a time"):
        parse_time(text)


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfabc")))
    assert read_text("-", what="policy") == "abc"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("auditor", "diff", "-", "-"), id="two policies"),
        pytest.param(("auditor", "diff", "-", "p.cel", "--sample", "-"), id="a policy and a sample"),
        pytest.param(
            ("auditor", "prove", "-", "--sample", "-", "--question", "satisfiable"), id="of a proof too"
        ),
        pytest.param(("auditor", "review", "-", "--bindings", "-"), id="a policy and its bindings"),
        pytest.param(
            ("auditor", "explain", "--policy", "-", "--token", "-", "--unsafe-unverified"),
            id="a policy and a token",
        ),
    ],
)
def test_standard_input_is_read_once(ask: Ask, words: tuple[str, ...]) -> None:
    answered = ask(*words)
    assert (answered.code, answered.out) == (2, "")
    assert answered.err.splitlines()[0] == "error: standard input (`-`) is named twice"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "no such file", id="absent"),
        pytest.param(b"\xff\xfe", "not UTF-8", id="another encoding"),
        pytest.param(b" " * (MAX_INPUT_BYTES + 1), "larger than", id="a wrong and huge file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "f"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured, match=message):
        read_text(str(file), what="policy")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000])
def test_only_one_plain_json_object_is_a_document(text: str) -> None:
    with pytest.raises(Misconfigured):
        parse_json_document(text, what="provider")
