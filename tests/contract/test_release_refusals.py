"""A broker's no arrives as it was said: its code, its family, its words; and a stranger's as a line."""

from __future__ import annotations

import json
import re

import pytest

from attestation.errors import (
    Denied,
    EvidenceRejected,
    ExitCode,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
)
from contract.release_refusals import REFUSALS, BrokerRefused, parse_refusal, render_refusal

FAMILIES = (Denied, EvidenceRejected, Misconfigured, NotKnown, Unavailable)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_arrives_as_it_was_said(code: str) -> None:
    refusal = REFUSALS[code]
    said = refusal.error()
    heard = parse_refusal(render_refusal(said), status=refusal.status)
    assert (heard.code, heard.message, heard.hint) == (code, refusal.message, refusal.hint)
    assert (heard.family, heard.exit_code) == (refusal.family.family, refusal.family.exit_code)
    assert heard.refusal is refusal


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_is_worded_as_errors_are(code: str) -> None:
    refusal = REFUSALS[code]
    assert refusal.family in FAMILIES
    assert re.fullmatch(r"[a-z][a-z-]+", code)
    assert 400 <= refusal.status < 600
    assert refusal.message[0].islower() and not refusal.message.endswith(".")
    assert refusal.hint and refusal.meaning.endswith(".")
    assert "\n" not in refusal.message + refusal.hint + refusal.meaning


STATUSES = {
    "challenge-unknown": 409,
    "challenge-expired": 409,
    "challenge-used": 409,
    "order-out-of-turn": 409,
    "request-malformed": 400,
    "request-too-large": 413,
    "too-many-at-once": 429,
    "rate-limited": 429,
    "broker-not-ready": 503,
    "broker-full": 503,
    "database-unavailable": 503,
}
"""Of RFC 9110 and RFC 6585; whatever else is refused is forbidden."""


@pytest.mark.parametrize("code", REFUSALS)
def test_whoever_knows_http_alone_reads_what_is_meant(code: str) -> None:
    assert REFUSALS[code].status == STATUSES.get(code, 403)
    assert set(STATUSES) <= set(REFUSALS)


@pytest.mark.parametrize("code", REFUSALS)
def test_what_may_succeed_later_is_said_by_the_status_too(code: str) -> None:
    """Whoever reads the status alone tries again where it helps: 5xx is always of that family."""
    refusal = REFUSALS[code]
    assert (refusal.family is Unavailable) or refusal.status < 500


def test_a_refusal_in_words_of_the_case_keeps_its_code() -> None:
    said = REFUSALS["report-rejected"].error("the receipt is another's", "look at it")
    heard = parse_refusal(render_refusal(said), status=403)
    assert (heard.code, heard.message, heard.hint) == (
        "report-rejected",
        "the receipt is another's",
        "look at it",
    )


def test_a_refusal_changes_no_other_s_family() -> None:
    REFUSALS["database-unavailable"].error()
    assert (SymbolonError.code, BrokerRefused.exit_code) == ("bug", ExitCode.BUG)


STRANGERS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html>502</html>", id="a page"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b'{"error": "no"}', id="a text"),
    pytest.param(b'{"error": {"code": 7}}', id="a number"),
    pytest.param(b'{"error": {"code": "never-heard-of"}}', id="a code that is not known"),
    pytest.param(b'{"error": {"code": "\\u001b[2J"}}', id="what a terminal obeys"),
]


@pytest.mark.parametrize("data", STRANGERS)
def test_what_is_no_refusal_of_ours_is_denied_below_500_and_tried_again_from_there(data: bytes) -> None:
    denied, later = parse_refusal(data, status=499), parse_refusal(data, status=500)
    assert (denied.family, later.family) == (Denied.family, Unavailable.family)
    for each in (denied, later):
        assert each.message.isprintable() and len(each.message) < 200


def test_a_code_that_is_not_known_is_told_and_one_that_is_absent_said_to_be() -> None:
    data = b'{"error": {"code": "never-heard-of"}}'
    assert parse_refusal(data, status=403).message == "the broker answers 403, `never-heard-of`"
    assert parse_refusal(b"{}", status=403).message == "the broker answers 403, `nothing that is known here`"


def test_a_line_may_be_as_long_as_is_shown() -> None:
    data = json.dumps({"error": {"code": "licence-revoked", "message": "a" * 400, "hint": "b" * 400}})
    heard = parse_refusal(data.encode(), status=403)
    assert (heard.message, heard.hint) == ("a" * 400, "b" * 400)


SHOWN = [
    pytest.param("a\x1b[2Jb", id="what a terminal obeys"),
    pytest.param("a\nb", id="two lines"),
    pytest.param("a" * 401, id="too much"),
    pytest.param(7, id="a number"),
    pytest.param(None, id="nothing"),
]


@pytest.mark.parametrize("message", SHOWN)
def test_words_that_cannot_be_shown_are_the_refusal_s_own(message: object) -> None:
    data = json.dumps({"error": {"code": "licence-revoked", "message": message, "hint": message}}).encode()
    heard = parse_refusal(data, status=403)
    refusal = REFUSALS["licence-revoked"]
    assert (heard.message, heard.hint) == (refusal.message, refusal.hint)
