"""Every path and every command that a document names is there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from symbolon.arguments import make_parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md")]
    + [path for folder in ("docs", ".github") for path in (ROOT / folder).rglob("*.md")]
)
OURS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {".venv", ".git"}
NOT_OF_HERE = {
    ".github/workflows/policy.yml": "a reader saves it in a repository of theirs",
    "emulator/audit.jsonl": "below the folder of `symbolon demo --keep`",
    "emulator/instances/": "the same",
}

FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^(?:    .*\n?)+", re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
PATH = re.compile(r"(?<![\w./:$~-])\.?[\w-]+(?:/[\w.*-]+)+")
FILE = re.compile(r"[a-z_]+\.py")
MODULE = re.compile(r"\bpython3? -m ([\w.]+)")
COMMAND = re.compile(r"(?:^|[\s(\"])symbolon((?: [^\n|>)`;&#\"']+|'[^'\n]*'|\"[^\"\n]*\")+)", re.MULTILINE)


def code_in(text: str) -> Iterator[str]:
    """What stands in blocks of code, each whole, and between backticks; long commands in one line."""
    blocks = [*FENCED.findall(text), *INDENTED.findall(FENCED.sub("", text))]
    yield from (block.replace("\\\n", " ") for block in blocks)
    yield from INLINE.findall(INDENTED.sub("", FENCED.sub("", text)))


def faults(text: str, folder: Path = ROOT) -> list[str]:
    """What the document names and nobody finds."""
    found = [link for link in LINK.findall(text) if "://" not in link and not (folder / link).exists()]
    for code in code_in(text):
        found += [path for path in PATH.findall(code) if not _is_there(path)]
        if FILE.fullmatch(code) and not any(ROOT.glob(f"*/**/{code}")):
            found.append(code)
        found += [f"python -m {name}" for name in MODULE.findall(code) if not _is_module(name)]
        found += [f"symbolon{words}" for words in COMMAND.findall(code) if not _is_command(words.split())]
    return found


def _is_there(path: str) -> bool:
    """Whether a path into one of our folders leads somewhere; any other path is somebody else's."""
    clean = path.rstrip(".")
    if clean.endswith("-"):  # what follows is a placeholder or a pattern
        clean += "*"
    return clean.startswith(tuple(NOT_OF_HERE)) or clean.split("/")[0] not in OURS or any(ROOT.glob(clean))


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return name.split(".")[0] not in OURS or path.is_dir() or path.with_suffix(".py").is_file()


def _is_command(words: list[str]) -> bool:
    """Whether the parser knows the words: commands, as long as there are any below, and then options."""
    parser: argparse.ArgumentParser = make_parser()
    if words[0] == "--explain":  # its value is a word like a command's
        return True
    for word in words:
        groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        if word.startswith("--"):
            if word.split("=")[0].rstrip(",.") not in parser._option_string_actions:
                return False
        elif groups and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in groups[0].choices:
                return False
            parser = groups[0].choices[word]
    return True


def test_what_a_document_names_is_there() -> None:
    missing = {
        str(document.relative_to(ROOT)): found
        for document in DOCUMENTS
        if (found := faults(document.read_text(encoding="utf-8"), document.parent))
    }
    listed = "\n".join(f"{document}: `{name}`" for document, names in missing.items() for name in names)
    assert not missing, f"these are named, and not there:\n{listed}"


def test_documents_are_read_at_all() -> None:
    assert len(DOCUMENTS) > 60
    code = [code for document in DOCUMENTS for code in code_in(document.read_text(encoding="utf-8"))]
    assert sum(bool(COMMAND.search(each)) for each in code) > 30
    assert sum(bool(PATH.search(each)) for each in code) > 30


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("see `policy/nothing.py`.", "policy/nothing.py"),
        ("see `nothing_at_all.py`.", "nothing_at_all.py"),
        ("see [the page](docs/nothing.md#part)", "docs/nothing.md"),
        ("run `scripts/nothing --fix`", "scripts/nothing"),
        ("    scripts/test\n    scripts/nothing   what it does\n", "scripts/nothing"),
        ("```console\n$ .ci/nothing\n```\n", ".ci/nothing"),
        ("    .venv/bin/python -m benchmarks.nothing --rounds 2\n", "python -m benchmarks.nothing"),
        ("run `symbolon auditor nothing P`", "symbolon auditor nothing P"),
        ("    symbolon owner policy lint p.toml --nothing\n", "symbolon owner policy lint p.toml --nothing"),
        ('    eval "$(symbolon emulator nothing owner)"\n', "symbolon emulator nothing owner"),
        ("    symbolon auditor diff old.json \\\n      new.json --nothing x\n", "--nothing"),
    ],
)
def test_a_planted_fault_is_found(planted: str, found: str) -> None:
    (fault,) = faults(planted)
    assert found in fault


@pytest.mark.parametrize(
    "planted",
    [
        "see `policy/cel/` and `docs/decisions/*.md`, and https://example.com/policy/nothing.py",
        "`gs://policy/nothing` and `us-docker.pkg.dev/primus/policy/nothing` are names of others",
        "    symbolon auditor prove P --that 'assertion.x == \"--nothing\"'\n",
        "    symbolon emulator up | tee log\n",
        "    python -m pip install symbolon\n",
    ],
)
def test_what_is_right_or_of_others_is_not_found(planted: str) -> None:
    assert faults(planted) == []
