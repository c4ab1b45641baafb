"""The room is pure: it reads text that it is handed, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import contract

MODULES = sorted(Path(contract.__file__).parent.glob("*.py"))
PURE = {
    "base64",
    "__future__",
    "attestation",
    "collections",
    "cryptography",
    "dataclasses",
    "functools",
    "hashlib",
    "json",
    "re",
    "rfc8785",
    "textwrap",
    "tomllib",
    "typing",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_reaches_no_file_no_network_and_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert imported <= PURE
    assert "open" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
