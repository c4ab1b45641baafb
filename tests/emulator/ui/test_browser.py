"""The page in a browser, as who reviews has it: live, by keyboard, and as a screen reader says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.ui.server import serving
from emulator.ui.tickets import issue_ticket
from tests.emulator.ui.chromium import Browser, chromium
from tests.emulator.ui.samples import STS, add_lines, audit_line, clause, launcher, says, write_state

LOG = "logging/secundus.jsonl"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_state(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def authority(state: Path) -> Iterator[str]:
    with serving(state) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def page(browser: Browser, authority: str, state: Path) -> Browser:
    """The page, opened by its link, and live."""
    browser.open(f"http://{authority}/open?ticket={issue_ticket(state)}")
    browser.wait("document.getElementById('state').textContent === 'live'")
    return browser


def test_the_link_leaves_nothing_in_the_address_that_opens_it_again(page: Browser, authority: str) -> None:
    assert page.run("location.href") == f"http://{authority}/"
    assert page.run("document.cookie") == ""
    assert page.run("document.title") == "symbolon emulator"  # and not what a workload wrote


def test_what_happens_is_there_without_anybody_asking(page: Browser, state: Path) -> None:
    add_lines(state / "audit.jsonl", audit_line("new.example", granted=False))
    page.wait("document.querySelector('[data-region=entries]').innerText.includes('new.example')")
    add_lines(
        state / LOG,
        launcher(20, "TEE container launcher initiating"),
        says(21, step="infer", message="running 5 pictures"),
    )
    page.wait("document.getElementById('run-4711-2')?.innerText.includes('running 5 pictures')")
    assert page.run("document.querySelector('.run').id") == "run-4711-2"  # the newest is first
    detail = {"clauses": [clause("assertion.late", "error", fix="owner: write it otherwise")]}
    add_lines(state / "audit.jsonl", audit_line(STS, granted=False, detail=detail))
    page.wait("document.querySelector('.decision')?.textContent.includes('write it otherwise')")


def test_what_a_reader_opened_stays_open_where_a_run_goes_on(page: Browser, state: Path) -> None:
    newest = "document.querySelector('.run')"
    page.run(f"{newest}.querySelector('summary').focus(); {newest}.querySelector('details').open = true")
    add_lines(state / LOG, says(22, step="write", message="results are there"))
    page.wait(f"{newest}.innerText.includes('results are there')")
    assert page.run(f"{newest}.querySelector('details').open")
    assert page.run("document.activeElement.tagName") == "SUMMARY"


def test_it_can_be_held_still_and_shows_refusals_alone(page: Browser, state: Path) -> None:
    page.run("document.getElementById('hold').click()")
    add_lines(state / "audit.jsonl", audit_line("held.example", granted=True))
    add_lines(state / LOG, says(23, step="seal", message="a receipt says so"))
    page.wait("document.querySelector('.run').innerText.includes('a receipt says so')")
    entries = "document.querySelector('[data-region=entries]').innerText"
    assert not page.run(f"{entries}.includes('held.example')")
    page.run("document.getElementById('hold').click()")
    page.wait(f"{entries}.includes('held.example')")
    page.run("document.getElementById('refused').click()")
    assert not page.run(f"{entries}.includes('held.example')")
    assert page.run(f"{entries}.includes('sts.googleapis.com')")


def test_the_keyboard_reaches_everything_and_opens_a_decision(page: Browser) -> None:
    page.press("Tab", code=9)
    assert page.run("document.activeElement.textContent") == "Skip to the runs"
    seen = []
    for _ in range(60):
        page.press("Tab", code=9)
        seen.append(page.run("document.activeElement.tagName + ' ' + (document.activeElement.id || '')"))
    assert {"A ", "SUMMARY ", "INPUT refused", "INPUT hold", "DIV "} <= set(seen)
    page.run("document.querySelector('.decision summary').focus()")
    page.press("Enter", code=13, text="\r")
    assert page.run("document.querySelector('.decision').open")


def test_a_link_from_a_run_opens_the_decision_about_it(page: Browser) -> None:
    page.run("document.querySelector('a[href=\"#decision-5\"]').click()")
    page.wait("document.getElementById('decision-5').open")


def test_a_screen_reader_hears_landmarks_headings_tables_and_the_state(page: Browser) -> None:
    spoken = page.spoken()
    assert {
        ("heading", "Parties"),
        ("heading", "Runs"),
        ("heading", "Decisions"),
        ("heading", "Audit log"),
    } <= {*spoken}
    roles = {role for role, _ in spoken}
    assert {"banner", "navigation", "main", "region", "status", "table", "columnheader", "rowheader"} <= roles
    names = [name for role, name in spoken if role in ("region", "article", "checkbox", "table")]
    assert all(names), "each has a name"


def test_who_cannot_tell_colours_reads_every_answer_in_words(page: Browser) -> None:
    texts = "[...document.querySelectorAll('.mark')].map((each) => each.textContent)"
    marks = json.loads(page.run(f"JSON.stringify({texts})"))
    assert marks and all(mark.strip() for mark in marks)


@pytest.mark.parametrize("dark", [False, True])
def test_its_words_stand_out_from_their_ground(page: Browser, tmp_path: Path, dark: bool) -> None:
    """Source: WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    page.picture(tmp_path / "page.png", dark=dark)
    contrast = """(() => {
      const light = (text) => {
        const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map((v) => v / 255)
          .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (e) => {
        for (; e; e = e.parentElement) {
          const colour = getComputedStyle(e).backgroundColor;
          if (!/, 0\\)$/.test(colour)) return colour;
        }
        return "rgb(255, 255, 255)";
      };
      return Math.min(...[...document.querySelectorAll("body *")]
        .filter((e) => e.checkVisibility())
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
          const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
          return (a + 0.05) / (b + 0.05);
        }));
    })()"""
    assert page.run(contrast) >= 4.5


def test_a_narrow_window_needs_no_scrolling_sideways(page: Browser, tmp_path: Path) -> None:
    page.picture(tmp_path / "narrow.png", width=360)
    assert page.run("document.documentElement.scrollWidth") <= 360
    outside = """[...document.querySelectorAll('.run table, .decision table')]
      .filter((each) => each.offsetWidth > each.parentElement.clientWidth)"""
    assert page.run(f"{outside}.length") == 0


def test_without_scripts_it_is_there_as_well(browser: Browser, authority: str, state: Path) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.ask("Page.navigate", url=f"http://{authority}/open?ticket={issue_ticket(state)}")
        spoken: list[tuple[str, str]] = []
        while ("heading", "Runs") not in spoken:
            spoken = browser.spoken()
        assert any(role == "article" and "workload-vm" in name for role, name in spoken)
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
