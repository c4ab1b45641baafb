"""The page shows what is recorded, in words beside its colours, and obeys none of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emulator.ui.page import MOST_ENTRIES, REGIONS, blocks_of, render_page
from emulator.ui.records import Records
from tests.emulator.ui.samples import add_lines, audit_line, write_documents, write_state

VOID = {"meta", "link", "br", "input", "img"}


class Reader(HTMLParser):
    """What stands in a page: its elements, its identities, and whether each is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.identities: list[str] = []
        self.attributes: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.identities += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.fixture
def page(tmp_path: Path) -> str:
    return render_page(Records(write_state(tmp_path)).read())


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_every_element_is_closed_and_every_identity_is_one_alone(page: str) -> None:
    reader = read(page)
    assert len(reader.identities) == len(set(reader.identities))
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(reader.identities)
    assert set(re.findall(r'aria-labelledby="([\w-]+)"', page)) <= set(reader.identities)


def test_what_anybody_wrote_is_text(page: str) -> None:
    reader = read(page)
    assert reader.elements.count("script") == 1  # the page's own
    assert "img" not in reader.elements
    assert not {each for each in reader.attributes if each.startswith("on") or each == "style"}
    assert page.count("&lt;script&gt;") >= 3


def test_a_refusal_is_said_in_words_with_its_fix_and_the_clause_that_failed_first(page: str) -> None:
    decision = page.partition('id="decision-5"')[2].partition("</details>")[0]
    assert '<span class="mark">refused</span> workload-vm by STS: 1 of 2 clauses do not hold' in decision
    assert decision.index("FAIL") < decision.index("pass")
    assert "<strong>fix:</strong> operator: launch a production image" in decision


def test_a_run_leads_to_its_decisions_and_says_how_long_each_step_took(page: str) -> None:
    run = page.partition('id="run-4711-1"')[2].partition("</article>")[0]
    assert '<a href="#decision-4">measured by the launcher</a>' in run
    assert '<a href="#decision-5">refused by STS</a>' in run
    assert "ended with exit code 4" in run
    attest = run.partition("Attest</th>")[2].partition("</tr>")[0]
    assert re.findall(r"([\d.]+) s", attest) == ["1.50", "1.50"]


def test_each_block_is_one_element_of_its_region(tmp_path: Path) -> None:
    blocks = blocks_of(Records(write_state(tmp_path)).read())
    assert {each.region for each in blocks} == set(REGIONS)
    for each in blocks:
        assert read(each.html).identities[0] == each.id


def test_the_newest_lines_are_shown_first_and_the_oldest_not_for_ever(tmp_path: Path) -> None:
    write_state(tmp_path)
    add_lines(tmp_path / "audit.jsonl", *(audit_line(f"s{number}", granted=True) for number in range(400)))
    entries = [each for each in blocks_of(Records(tmp_path).read()) if each.region == "entries"]
    assert (len(entries), entries[0].id) == (MOST_ENTRIES, "line-405")


def test_an_empty_folder_is_a_page_that_says_so(tmp_path: Path) -> None:
    page = render_page(Records(tmp_path).read())
    read(page)
    assert "No VM has been started yet." in page


def test_a_run_whose_vm_was_deleted_says_so(tmp_path: Path) -> None:
    write_documents(write_state(tmp_path), "compute.instances", {})
    run = render_page(Records(tmp_path).read()).partition('id="run-4711-1"')[2].partition("</article>")[0]
    assert "and its VM was deleted since." in run
