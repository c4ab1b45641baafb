"""An audit of an image as a report for people, and as a document for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attestation.errors import printable
from deploy.accounting import Accounting
from deploy.comparing import Compared, Differences

from ..reports.report import Entry, Report, Section, Table, Tone
from .auditing import Audited
from .image_answers import (
    AccountedFor,
    Reproduced,
    exit_code_of,
    said_of,
    tone_of,
    word_of,
)
from .image_words import terms_document, terms_in_words

_MARKS: Final[dict[int, tuple[str, Tone]]] = {0: ("yes", "good"), 3: ("no", "bad"), 6: ("not known", "warn")}
_LICENCES_FOR: Final = "pypi"


def report_of(audited: Audited) -> Report:
    """The audit for people; its record is put to it by whoever prints it."""
    mark, tone = _MARKS[int(audited.exit_code)]
    answer = {"yes": "PASS", "no": "FAIL", "not known": "NOT KNOWN"}[mark]
    return Report(
        title="audit of an image",
        about=str(audited.asked),
        answer=answer,
        tone=tone,
        verdict=verdict_of(audited),
        sections=tuple(sections_of(audited)),
    )


def verdict_of(audited: Audited) -> str:
    """What the audit comes to, in a sentence: the image's answer, and whatever else is to be said."""
    parts = [f"{word_of(audited.answer)}: {said_of(audited.answer)}"]
    parts += ["the checkout is not in order"] if audited.stray else []
    parts += ["the launcher would refuse its labels"] if audited.labels.refused else []
    parts += ["the terms are others"] if audited.other_terms else []
    parts += [f"the policy {audited.policy.word}"] if audited.policy is not None else []
    if audited.seal.exit_code is not None:
        known = f"the model's key {audited.seal.word}"
        parts += [known if audited.seal.word != "not known" else "not known who can open the model"]
    return "; ".join(parts)


def sections_of(audited: Audited) -> Iterator[Section]:
    """The parts of the audit, each with its title."""
    yield Section(title="answers", entries=tuple(_answers(audited)))
    yield Section(title="it rests on", lines=_rests_on(audited))
    yield Section(title="not done", lines=audited.notes)
    evidence = audited.evidence
    if evidence.rebuilt is not None and evidence.rebuilt.compared is not None:
        yield from _compared(evidence.rebuilt.compared)
    if evidence.accounting is not None:
        yield from _accounted(evidence.accounting)
    yield Section(title="terms that differ", lines=audited.other_terms)
    yield Section(title="what each label lets the operator do", table=audited.labels.table)
    yield Section(title="the terms", lines=terms_in_words(audited.terms))
    yield from audited.seal.sections()
    yield from _packages(audited)


def _answers(audited: Audited) -> Iterator[Entry]:
    yield Entry(
        mark=word_of(audited.answer),
        tone=tone_of(audited.answer),
        label="the image",
        text=said_of(audited.answer),
    )
    if audited.stray:
        yield Entry(mark="differs", tone="bad", label="the checkout", text=audited.stray)
    if audited.other_terms:
        yield Entry(mark="differ", tone="bad", label="the terms", text="the image has others than the file")
    if audited.labels.refused:
        yield Entry(mark="refused", tone="bad", label="the labels", text=audited.labels.refused)
    if audited.policy is None:
        yield Entry(mark="not asked", tone="plain", label="the policy", text="--policy names one")
    else:
        policy = audited.policy
        token = policy.example
        yield Entry(mark=policy.word, tone=policy.tone, label="the policy", text=policy.said, token=token)
    yield audited.seal.entry


def _rests_on(audited: Audited) -> tuple[str, ...]:
    answer = audited.answer
    mine = answer.rests_on if isinstance(answer, Reproduced | AccountedFor) else audited.evidence.sources
    asked = () if audited.policy is None else audited.policy.rests_on
    return (*mine, *asked, *audited.seal.rests_on)


def _rows(differences: Differences) -> tuple[tuple[str, ...], ...]:
    rows = [(each.what, each.path, each.detail) for each in differences.first]
    return tuple(rows + ([("…", f"{differences.more:,} more", "")] if differences.more else []))


def _differences(title: str, differences: Differences) -> Section:
    return Section(title=title, table=Table(head=("", "where", "how"), rows=_rows(differences)))


def _compared(compared: Compared) -> Iterator[Section]:
    yield _differences("settings that differ", compared.configuration)
    yield _differences("files that differ, of all layers together", compared.files)
    yield _differences("what the builders say differently", compared.notes)
    for layer in compared.layers:
        if layer.found != layer.wanted:
            title = f"layer {layer.number}: {_shown(layer.found)}, and not {_shown(layer.wanted)}"
            if layer.same_tar:
                yield Section(title=title, text="the same files, compressed in another way")
            else:
                yield _differences(title, layer.differences)


def _shown(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:19]}…"


def _accounted(accounting: Accounting) -> Iterator[Section]:
    yield _differences("files of ours that differ from the checkout", accounting.ours)
    yield _differences("files of packages that differ from their wheels", accounting.wheels)
    yield _differences("settings that differ", accounting.settings)
    rows = [(each.what, f"{each.count:,}", ", ".join(each.first)) for each in accounting.unaccounted]
    yield Section(
        title="without a source", table=Table(head=("what", "how many", "such as"), rows=tuple(rows))
    )
    lines = tuple(f"{count:,} from {source}" for source, count in accounting.by.items())
    yield Section(title="files as their source has them", lines=lines)


def _packages(audited: Audited) -> Iterator[Section]:
    python = [each for each in audited.packages if each.kind == _LICENCES_FOR]
    others = len(audited.packages) - len(python)
    rows = tuple((each.name, each.version, each.licence or "not known") for each in python)
    yield Section(
        title="python packages",
        text=f"and {others} of the operating system, which --sbom lists" if others else "",
        table=Table(head=("package", "version", "licence"), rows=rows),
    )


def document_of(audited: Audited) -> dict[str, Any]:
    """The audit as JSON."""
    answer, evidence, policy = audited.answer, audited.evidence, audited.policy
    rests_on = answer.rests_on if isinstance(answer, Reproduced | AccountedFor) else ()
    rebuilt = evidence.rebuilt
    document = {
        "verdict": _MARKS[int(audited.exit_code)][0],
        "image": {"digest": audited.image.digest, "asked": audited.asked, "image_id": audited.image.image_id},
        "reproduction": {
            "verdict": word_of(answer),
            "exit_code": int(exit_code_of(answer)),
            "said": said_of(answer),
            "rests_on": list(rests_on),
            "sources": list(evidence.sources),
            "rebuilt": None
            if rebuilt is None
            else {"digest": rebuilt.digest, "tool": rebuilt.tool, "base": rebuilt.base},
            "differences": None if rebuilt is None or rebuilt.compared is None else _of(rebuilt.compared),
            "accounting": None if evidence.accounting is None else _of_accounting(evidence.accounting),
        },
        "checkout": {"digest": audited.expected.digest, "differs": audited.stray},
        "policy": None if policy is None else policy.document(),
        "seal": audited.seal.document(),
        "labels": audited.labels.document(),
        "terms": {"differ": list(audited.other_terms), "tables": terms_document(audited.terms)},
        "packages": [
            {"kind": each.kind, "name": each.name, "version": each.version, "licence": each.licence or None}
            for each in audited.packages
        ],
        "notes": list(audited.notes),
    }
    return dict(_printable(document))


def _of(compared: Compared) -> dict[str, object]:
    return {
        "configuration": compared.configuration.document(),
        "files": compared.files.document(),
        "notes": compared.notes.document(),
        "layers": [
            {
                "number": each.number,
                "found": each.found,
                "wanted": each.wanted,
                "same_tar": each.same_tar,
                "differences": each.differences.document(),
            }
            for each in compared.layers
        ],
    }


def _of_accounting(accounting: Accounting) -> dict[str, object]:
    return {
        "ours": accounting.ours.document(),
        "wheels": accounting.wheels.document(),
        "settings": accounting.settings.document(),
        "unaccounted": [
            {"what": each.what, "count": each.count, "first": list(each.first)}
            for each in accounting.unaccounted
        ],
        "as_their_source": dict(accounting.by),
    }


def _printable(value: Any) -> Any:
    """Names of an image's files may be no UTF-8 at all; a document is."""
    if isinstance(value, dict):
        return {printable(str(key)): _printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    return printable(value) if isinstance(value, str) else value
