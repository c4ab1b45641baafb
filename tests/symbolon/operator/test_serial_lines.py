"""A VM's serial port, read: whose each line is, and how each start of its job ended."""

from __future__ import annotations

import json

import pytest

from symbolon.operator.serial_lines import End, SerialLines, parse_line

BEGINS = "2026/01/02 03:04:05 TEE container launcher initiating\n"
GOOD = "2026/01/02 03:04:06 workload task ended and returned 0\n"
BAD = "2026/01/02 03:04:06 workload task ended and returned non-zero\n"
EXITS = "2026/01/02 03:04:07 TEE container launcher exiting with exit code: {} (…)\n"
DENIED = (
    json.dumps({"severity": "ERROR", "message": "no", "exit_code": 4, "code": "denied", "hint": "ask"}) + "\n"
)


def read(*pieces: str) -> SerialLines:
    lines = SerialLines()
    for piece in pieces:
        list(lines.read(piece))
    return lines


def test_a_structured_line_is_the_workload_s_wherever_it_begins() -> None:
    said = '{"severity": "INFO", "message": "3 of 5 images", "done": 3}'
    for text in (said, f"[   12.345678] {said}", said + "\r"):
        line = parse_line(text)
        assert (line.source, line.severity, line.message) == ("workload", "INFO", "3 of 5 images")
        assert line.fields == {"done": 3}


@pytest.mark.parametrize(
    "text",
    [
        "2026/01/02 03:04:05 Image Labels : map{}",
        "{no json",
        '{"no": "message"}',
        '["a list"]',
        '{"message": 5}',
        "[    0.0] Linux version 6.1",
    ],
)
def test_any_other_line_is_words(text: str) -> None:
    line = parse_line(text)
    assert (line.source, line.severity, line.fields) == ("launcher", "INFO", {})


def test_a_line_that_comes_in_pieces_is_one_line() -> None:
    lines = SerialLines()
    assert list(lines.read('{"severity": "INFO", "mess')) == []
    (line,) = lines.read('age": "hello"}\n')
    assert (line.message, line.document()) == (
        "hello",
        {"source": "workload", "severity": "INFO", "message": "hello"},
    )


def slog(words: str, *, level: str = "INFO", **values: object) -> str:
    """The same line, as the launcher writes it since August 2026."""
    rest = "".join(f" {key}={value}" for key, value in values.items())
    return f'time=2026-09-02T03:04:05.678Z level={level} msg="{words}"{rest}\n'


STARTS = [
    pytest.param(BEGINS, GOOD, BAD, EXITS, id="words"),
    pytest.param(
        slog("TEE container launcher initiating", build_commit="67670e5"),
        slog("workload task ended and returned 0", workload_execution_sec=1.5),
        slog("workload task ended and returned non-zero", level="ERROR", workload_execution_sec=1.5),
        slog("TEE container launcher exiting", exit_code="{}", exit_msg='"…"'),
        id="slog",
    ),
]


@pytest.mark.parametrize(("begins", "good", "bad", "exits"), STARTS)
def test_how_a_start_ended_is_read_of_either_launcher(begins: str, good: str, bad: str, exits: str) -> None:
    assert read(begins, good, exits.format(0)).ends == [End(exit_code=0)]
    denied = End(exit_code=4, code="denied", message="no", hint="ask")
    assert read(begins, DENIED, bad, exits.format(1)).ends == [denied]
    assert not read(begins, DENIED, bad, exits.format(1)).holds
    assert read(begins, DENIED, bad, exits.format(4)).holds
    refused = read(begins, slog("cannot pull the image", level="ERROR"), exits.format(1)).ends
    assert refused == [End(exit_code=None, code="launcher", message="cannot pull the image", by="launcher")]


def test_a_line_of_slog_has_its_level_and_its_values() -> None:
    line = parse_line('time=x level=ERROR msg="a \\"quoted\\" word" key="two words" n=3 empty=""')
    assert (line.severity, line.message) == ("ERROR", 'a "quoted" word')
    assert line.fields == {"key": "two words", "n": "3", "empty": ""}


def test_a_line_s_end_within_a_line_of_slog_is_no_part_of_it() -> None:
    assert (
        parse_line('time=x level=INFO msg="Image Labels : map[a:b]\\n"').message == "Image Labels : map[a:b]"
    )


def test_an_end_without_a_word_has_no_exit_code() -> None:
    assert read(BEGINS, BAD, EXITS.format(1)).ends == [End(exit_code=None)]


def test_the_word_of_an_earlier_start_is_not_a_later_one_s() -> None:
    assert read(BEGINS, DENIED, BAD, EXITS.format(3), BEGINS, BAD, EXITS.format(3)).ends[-1] == End(
        exit_code=None
    )


def test_a_launcher_that_refuses_ends_it_in_its_own_words() -> None:
    words = "2026/01/02 03:04:05 CMD is not allowed to be overridden on this image\n"
    (end,) = read(BEGINS, words, EXITS.format(1)).ends
    assert (end.by, end.exit_code) == ("launcher", None)
    assert end.message == "CMD is not allowed to be overridden on this image"


def test_a_debug_machine_goes_on_after_its_job() -> None:
    assert read(BEGINS, DENIED, BAD, EXITS.format(4)).holds
    assert not read(BEGINS, DENIED, BAD, EXITS.format(1)).holds
    assert not read(BEGINS, DENIED, BAD, EXITS.format(4), BEGINS).holds


ONE = BEGINS + DENIED + BAD + EXITS.format(3)
OTHER = ONE.replace('"no"', '"another reason"')


@pytest.mark.parametrize(
    ("pieces", "alike"),
    [
        ((ONE, ONE), False),
        ((ONE, ONE, ONE), True),
        ((ONE, OTHER, ONE, ONE), False),
        ((OTHER, ONE, ONE, ONE), True),
        ((ONE, ONE, ONE, BEGINS), False),
        ((BEGINS + GOOD,) * 3, False),
    ],
    ids=[
        "two are not enough",
        "three are",
        "another reason begins the count anew",
        "the last three count",
        "a new start may end otherwise",
        "good ends are no reason to stop",
    ],
)
def test_three_starts_that_ended_alike_are_enough(pieces: tuple[str, ...], alike: bool) -> None:
    assert read(*pieces).ended_alike is alike


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    lines = SerialLines()
    assert len(list(lines.read("x" * (1 << 21)))) == 1


def test_before_anything_is_read_nothing_has_ended() -> None:
    lines = SerialLines()
    assert (lines.ends, lines.holds, lines.ended_alike, lines.claims) == ([], False, False, None)
    (line,) = lines.read("\n\nhello\n")
    assert line.message == "hello"


def test_a_launcher_that_says_nothing_of_its_own_has_no_words() -> None:
    assert read(BEGINS, EXITS.format(1)).ends == [
        End(exit_code=None, code="launcher", message="", by="launcher")
    ]


def test_a_launcher_that_ends_before_it_says_that_it_began_has_ended() -> None:
    (end,) = read(EXITS.format(1)).ends
    assert end.by == "launcher"


def test_a_last_word_without_code_and_hint_has_neither() -> None:
    said = json.dumps({"severity": "WARNING", "message": "none could be read", "exit_code": 3}) + "\n"
    assert read(BEGINS, said, BAD).ends == [End(exit_code=3, message="none could be read")]
    odd = json.dumps({"message": "m", "exit_code": "3"}) + "\n"
    assert read(BEGINS, odd, BAD).ends == [End(exit_code=None)]
    assert (End(exit_code=1).by, End(exit_code=1).code, End(exit_code=1).hint) == ("workload", "", "")


def test_the_last_start_s_claims_are_kept_and_no_other_start_s() -> None:
    claims = json.dumps({"message": "it said", "claims": {"iss": "x"}}) + "\n"
    assert read(BEGINS, claims).claims == {"iss": "x"}
    assert read(BEGINS, claims, BEGINS).claims is None
    assert read(BEGINS, claims.replace('{"iss": "x"}', '"no"')).claims is None


def test_a_line_without_a_severity_has_the_usual_one() -> None:
    assert parse_line('{"message": "m"}').severity == "DEFAULT"
