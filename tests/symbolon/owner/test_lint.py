"""`symbolon owner policy lint`: what the rules find, and what it exits with."""

from __future__ import annotations

from pathlib import Path

from tests.symbolon.conftest import Ask

LINT = ("owner", "policy", "lint")


def test_findings_are_sorted_by_severity(ask: Ask, anybody: Path) -> None:
    severities = ["critical", "high", "medium", "low", "warning", "info"]
    document = ask(*LINT, anybody, "--format", "json").json
    order = [severities.index(finding["severity"]) for finding in document["findings"]]
    assert order == sorted(order)
    assert set(order) > {0, 1, 2}


def test_its_findings_are_those_of_the_review(ask: Ask, anybody: Path) -> None:
    lint, review = (ask(*words, anybody, "--format", "json").json for words in (LINT, ("auditor", "review")))
    assert [(each["rule"], each["message"]) for each in lint["findings"]] == [
        (each["rule"], each["message"]) for each in review["findings"]
    ]


def test_a_person_reads_the_findings_and_their_number(ask: Ask, anybody: Path) -> None:
    answered = ask(*LINT, anybody)
    assert answered.code == 3
    count = len(ask(*LINT, anybody, "--format", "json").json["findings"])
    assert answered.out.startswith(f"FAIL  {count} findings\n{anybody}\n\nfindings\n")
