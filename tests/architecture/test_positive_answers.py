"""A positive answer, about all tokens, of a receipt or of an image, is made in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "attestation",
    "contract",
    "policy",
    "workload",
    "emulator",
    "deploy",
    "release",
    "symbolon",
    "scripts",
)
POSITIVE = {"Proved", "NoneFound"}
OF_A_RECEIPT = {"Verified"}
OF_AN_IMAGE = {"Reproduced", "AccountedFor"}


def made_in(path: Path, positive: set[str] = POSITIVE) -> Iterator[str]:
    """Each function that makes a positive answer, once for each time that it does."""
    waiting: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "")]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            callee = node.func
            name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
            if name in positive:
                yield f"{path.relative_to(ROOT)}: {function}"
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]


def test_one_function_alone_says_that_something_is_proved() -> None:
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    assert len(paths) > 100
    made = {place for path in paths for place in made_in(path)}
    assert made == {"policy/proving/answers.py: conclude"}


def test_one_function_alone_says_that_a_receipt_is_verified() -> None:
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    made = [place for path in paths for place in made_in(path, OF_A_RECEIPT)]
    assert made == ["symbolon/auditor/receipt_plan.py: conclude"]


def test_one_function_alone_says_that_an_image_is_reproduced() -> None:
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    made = [place for path in paths for place in made_in(path, OF_AN_IMAGE)]
    assert made == ["symbolon/auditor/image_answers.py: conclude"] * 2


def test_an_answer_that_is_made_elsewhere_would_be_found(tmp_path: Path) -> None:
    module = ROOT / "policy" / "proving" / "answers.py"
    assert list(made_in(module)) == ["policy/proving/answers.py: conclude"] * 2
