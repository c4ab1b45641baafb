"""A snapshot as HTML: blocks with an ID each, so that one that changed is replaced and the others stay.

Everything that is shown is somebody else's text, an operator's or a workload's, and is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from .records import Entry, Party, Run, Snapshot
from .steps import Document, Step

MOST_ENTRIES: Final = 300
_MOST_TEXT: Final = 2000
_OUTCOMES: Final = {
    "true": ("good", "✓", "pass"),
    "false": ("bad", "✗", "FAIL"),
    "error": ("bad", "!", "ERROR"),
    "unknown": ("warn", "?", "UNKNOWN"),
}
_WORDS: Final = {
    ("STS", True): "admitted",
    ("STS", False): "refused",
    ("the launcher", True): "measured",
    ("the launcher", False): "refused",
}
REGIONS: Final = ("parties", "runs", "decisions", "entries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One element of a region of the page; the newest of a region is its first."""

    region: str
    id: str
    html: str


def blocks_of(snapshot: Snapshot) -> list[Block]:
    """The page's blocks, in the order in which they stand."""
    names = {line: run.vm for run in snapshot.runs for line in run.decisions}
    return [
        *(_party(each) for each in snapshot.parties),
        *(_run(each, snapshot.decisions) for each in snapshot.runs),
        *(_decision(each, names.get(each.line, "")) for each in reversed(snapshot.decisions)),
        *(_entry(each) for each in reversed(snapshot.entries[-MOST_ENTRIES:])),
    ]


def render_page(snapshot: Snapshot) -> str:
    """The whole page, which is there without any script as well."""
    blocks = blocks_of(snapshot)

    def region(name: str) -> str:
        return "\n".join(each.html for each in blocks if each.region == name)

    empty = {
        "parties": "Nobody has a project yet.",
        "runs": "No VM has been started yet. <code>symbolon operator launch</code> starts one.",
        "decisions": "Nobody has asked to be admitted yet.",
    }
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>symbolon emulator</title>
<link rel="stylesheet" href="page.css">
<link rel="icon" href="data:,">
<script src="page.js" defer></script>
</head>
<body>
<a class="skip" href="#runs">Skip to the runs</a>
<header>
<div><h1>Google on this machine</h1>
<p>What the emulator has recorded, as it happens. It cannot show that memory is encrypted or that evidence is
genuine: only Google's hardware does.</p></div>
<p id="state" role="status">as of this moment</p>
</header>
<nav aria-label="Sections"><a href="#parties">Parties</a> <a href="#runs">Runs</a>
<a href="#decisions">Decisions</a> <a href="#audit">Audit log</a></nav>
<main>
<section id="parties" aria-labelledby="h-parties"><h2 id="h-parties">Parties</h2>
<div class="cards" data-region="parties">{region("parties")}</div>
<p class="empty">{empty["parties"]}</p></section>
<section id="runs" aria-labelledby="h-runs"><h2 id="h-runs">Runs</h2>
<div data-region="runs">{region("runs")}</div>
<p class="empty">{empty["runs"]}</p></section>
<section id="decisions" aria-labelledby="h-decisions"><h2 id="h-decisions">Decisions</h2>
<div data-region="decisions">{region("decisions")}</div>
<p class="empty">{empty["decisions"]}</p></section>
<section id="audit" aria-labelledby="h-audit"><h2 id="h-audit">Audit log</h2>
<p class="tools"><label><input type="checkbox" id="refused"> only what was refused</label>
<label><input type="checkbox" id="hold"> hold it still</label>
<span>the newest {MOST_ENTRIES}; <code>symbolon emulator audit verify</code> says whether the log is
whole</span></p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="h-audit">
<table aria-labelledby="h-audit"><thead><tr><th scope="col">Line</th><th scope="col">When (UTC)</th>
<th scope="col">Who</th>
<th scope="col">Asked for</th><th scope="col">Of</th><th scope="col">Answer</th></tr></thead>
<tbody data-region="entries">{region("entries")}</tbody></table></div></section>
</main>
</body>
</html>
"""


def _party(party: Party) -> Block:
    rows = "".join(
        f"<dt>{_text(what)}</dt><dd>{'<br>'.join(f'<code>{_text(name)}</code>' for name in names)}</dd>"
        for what, names in party.holdings
    )
    what = f"<dl>{rows}</dl>" if rows else "<p>Nothing of its own yet.</p>"
    identity = f"party-{_text(party.project)}"
    html = (
        f'<article class="card" id="{identity}" aria-labelledby="{identity}-h">'
        f'<h3 id="{identity}-h">{_text(party.role.capitalize())}</h3>'
        f"<p>project <code>{_text(party.project)}</code>, number {_text(party.number)}</p>{what}</article>"
    )
    return Block(region="parties", id=f"party-{party.project}", html=html)


def _run(run: Run, decisions: Sequence[Entry]) -> Block:
    tone, answer = _answer_of(run)
    began = next((step.at for step in run.steps if step.at is not None), None)
    named = [step for step in run.steps if step.name]
    rows = "".join(_steps(named, began))
    identity = f"run-{run.key}"
    start = f", start {run.number}" if run.number > 1 else ""
    links = "".join(
        f' <a href="#decision-{each.line}">{_word(each)} by {_judge(each.said)}</a>.'
        for each in decisions
        if each.line in run.decisions
    )
    facts = [
        ("image", run.image),
        ("account", run.account),
        *run.facts,
    ]
    shown = "".join(
        f"<dt>{_text(what)}</dt><dd><code>{_text(says)}</code></dd>" for what, says in facts if says
    )
    lines = "\n".join(
        f"{_clock(step.at):<12} {step.by:<8} {step.severity:<7} {step.words[:_MOST_TEXT]}"
        for step in run.steps
    )
    where = f"project {_text(run.project)}" if run.project else "and its VM was deleted since"
    html = (
        f'<article class="run {tone}" id="{_text(identity)}" aria-labelledby="{_text(identity)}-h">'
        f'<h3 id="{_text(identity)}-h">{_text(run.vm)}{start} <span class="mark">{_text(answer)}</span></h3>'
        f'<p class="when">{_moment(began)}, {where}.{links}</p>'
        f"<dl>{shown}</dl>"
        f'<table class="steps"><caption>Step by step</caption><thead><tr><th scope="col">Step</th>'
        f'<th scope="col">After</th><th scope="col">Took</th><th scope="col">What was said</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f'<details id="{_text(identity)}-log"><summary>All that its launcher and its workload said '
        f'({len(run.steps)} lines)</summary><pre tabindex="0">{_text(lines)}</pre></details></article>'
    )
    return Block(region="runs", id=identity, html=html)


def _answer_of(run: Run) -> tuple[str, str]:
    if run.exit_code is not None:
        return (
            ("good", "ended well") if run.exit_code == 0 else ("bad", f"ended with exit code {run.exit_code}")
        )
    return ("bad", "ended before its workload did anything") if run.ended else ("plain", "running")


def _steps(steps: Sequence[Step], began: float | None) -> Iterator[str]:
    """A row for each named step: how long after the start it began, and how long until the next one."""
    for number, step in enumerate(steps):
        later = next((each.at for each in steps[number + 1 :] if each.at is not None), None)
        after = "" if step.at is None or began is None else f"{step.at - began:.2f} s"
        took = "" if step.at is None or later is None else f"{max(0.0, later - step.at):.2f} s"
        tone = ' class="bad"' if step.severity == "ERROR" else ""
        yield (
            f'<tr{tone}><th scope="row">{_text(step.name.capitalize())}</th>'
            f'<td class="n">{after or "not recorded"}</td><td class="n">{took}</td>'
            f"<td>{_prose(step.words)}</td></tr>"
        )


def _decision(entry: Entry, vm: str) -> Block:
    said = entry.said
    detail: Document = said["detail"] if isinstance(said.get("detail"), dict) else {}
    failing = [each for each in entry.clauses if each.get("outcome") != "true"]
    why = str(detail.get("error_description") or detail.get("reason") or "")
    count = (
        f"{len(failing)} of {len(entry.clauses)} clauses do not hold"
        if failing
        else f"all {len(entry.clauses)} clauses hold"
        if entry.clauses
        else why
    )
    rows = "".join(
        map(_clause, [*failing, *(each for each in entry.clauses if each.get("outcome") == "true")])
    )
    table = (
        '<table class="trace"><caption>The trace: every clause, those that do not hold first</caption>'
        "<thead><tr>"
        '<th scope="col">Outcome</th><th scope="col">Clause, and what was found</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    others = [
        ("who", str(said.get("principal", ""))),
        ("asked", str(said.get("resourceName", ""))),
        ("answer", why),
    ]
    others += [
        (name.replace("_", " "), str(detail[name]))
        for name in ("image_digest", "image_reference")
        if name in detail
    ]
    shown = "".join(f"<dt>{what}</dt><dd><code>{_text(says)}</code></dd>" for what, says in others if says)
    tone = "good" if entry.granted else "bad"
    identity = f"decision-{entry.line}"
    about = f" {_text(vm)}" if vm else ""
    html = (
        f'<details class="decision {tone}" id="{identity}"><summary>'
        f'<span class="mark">{_word(entry)}</span>{about} '
        f"by {_judge(said)}: {_text(count or 'its token says what was measured')} "
        f'<span class="when">{_text(_short(said))}, line {entry.line}</span></summary>'
        f"<dl>{shown}</dl>{table}</details>"
    )
    return Block(region="decisions", id=identity, html=html)


def _clause(clause: Document) -> str:
    tone, sign, word = _OUTCOMES.get(str(clause.get("outcome")), _OUTCOMES["unknown"])
    fix = (
        f'<p class="fix"><strong>fix:</strong> {_prose(str(clause["fix"]))}</p>' if clause.get("fix") else ""
    )
    return (
        f'<tr class="{tone}"><th scope="row"><span aria-hidden="true">{sign}</span> {word}</th>'
        f"<td><code>{_text(clause.get('text'))}</code>"
        f"<p>{_prose(str(clause.get('reason', '')))}</p>{fix}</td></tr>"
    )


def _entry(entry: Entry) -> Block:
    said = entry.said
    word, tone = ("granted", "good") if entry.granted else ("refused", "bad")
    times = f' <span class="times">{entry.times} times</span>' if entry.times > 1 else ""
    method = str(said.get("methodName", "")).rpartition(".v1.")[2]
    html = (
        f'<tr class="{tone}" id="line-{entry.line}"><td class="n">{entry.line}</td>'
        f"<td>{_text(_short(said))}</td><td>{_text(said.get('principal') or 'nobody known')}</td>"
        f"<td>{_text(method)}{times}<br><small>{_text(said.get('serviceName'))}</small></td>"
        f'<td>{_text(said.get("resourceName"))}</td><td><span class="mark">{word}</span></td></tr>'
    )
    return Block(region="entries", id=f"line-{entry.line}", html=html)


def _word(entry: Entry) -> str:
    return _WORDS[_judge(entry.said), entry.granted]


def _judge(said: Document) -> str:
    return "STS" if said.get("serviceName") == "sts.googleapis.com" else "the launcher"


def _short(said: Document) -> str:
    """The time of day of a line, to the millisecond."""
    return str(said.get("timestamp", "")).partition("T")[2][:12]


def _clock(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[11:23]


def _moment(at: float | None) -> str:
    if at is None:
        return "its times are not recorded: the account may not write logs"
    return f"began {datetime.fromtimestamp(at, UTC).isoformat(sep=' ', timespec='seconds')[:19]} UTC"


def _text(value: Any) -> str:
    """Somebody's text, escaped, and no longer than anybody reads."""
    text = "" if value is None else str(value)
    return escape(text if len(text) <= 4 * _MOST_TEXT else text[: 4 * _MOST_TEXT] + " …")


def _prose(text: str) -> str:
    """A sentence, in which what stands in backticks is code."""
    parts = text[: 4 * _MOST_TEXT].split("`")
    if len(parts) % 2 == 0:
        return _text(text)
    return "".join(
        f"<code>{escape(each)}</code>" if number % 2 else escape(each) for number, each in enumerate(parts)
    )
