"""What a page has somebody type in Python can be run: its names are there, and its calls fit them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_TYPED = re.compile(r"<<'END'\n(?P<code>(?: {4}.*\n|\n)+?) {4}END\n")
_OURS = ("attestation", "contract", "deploy", "emulator", "policy", "release", "symbolon")


def typed_in(page: str) -> list[str]:
    """The Python that the page has somebody hand to a command."""
    found = [textwrap.dedent(match["code"]) for match in _TYPED.finditer(page)]
    return [code for code in found if "import " in code]


PAGES = {
    str(page.relative_to(ROOT)): code
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if (code := typed_in(page.read_text(encoding="utf-8")))
}


def calls_of_ours(code: str) -> Iterator[tuple[str, Callable[..., Any], ast.Call]]:
    tree = ast.parse(code)
    ours = {
        name.asname or name.name: getattr(importlib.import_module(node.module), name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _OURS
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
            yield node.func.id, ours[node.func.id], node


@pytest.mark.parametrize("page", PAGES)
def test_its_calls_fit_what_they_call(page: str) -> None:
    for code in PAGES[page]:
        for name, called, call in calls_of_ours(code):
            given = {word.arg: None for word in call.keywords if word.arg is not None}
            try:
                inspect.signature(called).bind(*call.args, **given)
            except TypeError as misfit:
                pytest.fail(f"{page} calls `{name}`, and {misfit}")


def test_there_are_calls_to_look_at() -> None:
    tutorial = [name for code in PAGES["docs/tutorial.md"] for name, _, _ in calls_of_ours(code)]
    assert {"ConfidentialVm", "launch", "watch"} <= set(tutorial)


def test_a_call_that_does_not_fit_is_found() -> None:
    code = "from contract.uris import parse_folder_uri\nparse_folder_uri('gs://b', timeout_s=3)\n"
    ((_, called, call),) = calls_of_ours(code)
    with pytest.raises(TypeError):
        inspect.signature(called).bind(*call.args, **{word.arg or "": None for word in call.keywords})
