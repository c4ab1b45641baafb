"""Reports: a page that is one file, Markdown that GitHub only shows, and lines for a terminal."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len

from symbolon.policy_files import NamedText
from symbolon.reports.differences import claims_that_matter
from symbolon.reports.markdown import render_markdown
from symbolon.reports.record import record_of
from symbolon.reports.report import Entry, Report, Section, Table
from symbolon.reports.web_page import render_web_page
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, DIGEST, HARDENED, HOSTILE, STABLE, provider, written
from tests.symbolon.reports.samples import EVIL, FORBIDDEN, RECORD


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
    monkeypatch.setattr("symbolon.reports.human.width_of", lambda _: 50)
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
