"""Which files of a checkout `python -m workload` reads when it is imported, by the sources alone.

Nothing of the checkout is run. What only a type checker imports does not count, and a name that is imported
within a function does, since it may be called.

Source: docs.python.org, "The import system".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from attestation.errors import Misconfigured, quoted

PROGRAM = "workload.__main__"


def import_closure(source: Path, *, runtime: str) -> frozenset[str]:
    """The files, relative to the checkout `source`, of an image with that runtime.

    Raises:
        Misconfigured: the program or one of its modules is not there, or is no Python.
    """
    found: set[str] = set()
    waiting = [PROGRAM, f"workload.runtimes.{runtime}"]
    while waiting:
        module = waiting.pop()
        # To import a.b is to import a first.
        for name in (module.rsplit(".", depth)[0] for depth in range(module.count(".") + 1)):
            path = _file_of(source, name)
            if path is None or path in found:
                continue
            found.add(path)
            waiting += _imported(source, path, name)
    if f"{PROGRAM.replace('.', '/')}.py" not in found:
        raise Misconfigured(
            "there is no program `workload/__main__.py` in the checkout", hint="name the folder of the rooms"
        )
    return frozenset(found)


def _file_of(source: Path, module: str) -> str | None:
    """Where a module of the checkout stands; None for everybody else's."""
    path = module.replace(".", "/")
    for candidate in (f"{path}/__init__.py", f"{path}.py"):
        if (source / candidate).is_file():
            return candidate
    return None


def _imported(source: Path, path: str, module: str) -> Iterator[str]:
    """The modules that the file imports; a name of one may be a module too."""
    try:
        tree = ast.parse((source / path).read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        raise Misconfigured(
            f"{quoted(path)} of the checkout is no Python", hint="check it out again"
        ) from None
    package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run: not those below `if TYPE_CHECKING`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
