"""`symbolon --explain CODE` knows every code that any room can raise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.release_refusals import REFUSALS
from policy.rule_slugs import SLUGS
from symbolon.error_codes import EXPLAINED
from tests.symbolon.conftest import Ask

PROJECT = Path(__file__).parents[2]
ROOMS = ("attestation", "contract", "policy", "workload", "emulator", "deploy", "release", "symbolon")


def codes_in_the_source() -> Iterator[tuple[str, str]]:
    """Each class with a `code` of its own; read, not imported, so that no room needs its libraries here.

    And each of a broker's refusals, which stand in one table.
    """
    yield from ((code, "contract/release_refusals.py") for code in REFUSALS)
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and (code := _code_of(node)):
                    yield code, f"{path.relative_to(PROJECT)}:{node.name}"


def _code_of(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
            ):
                return code
    return None


CODES = dict(codes_in_the_source())


def test_every_code_is_explained_and_nothing_else_is() -> None:
    assert sorted(EXPLAINED) == sorted(CODES)


@pytest.mark.parametrize("code", sorted(EXPLAINED))
def test_a_code_is_explained_in_a_sentence_with_its_family(ask: Ask, code: str) -> None:
    answered = ask("--explain", code)
    assert answered.code == 0
    first, blank, meaning, *_ = answered.out.splitlines()
    assert first.startswith(f"{code}: {EXPLAINED[code].family.family} (exit code ")
    assert (blank, meaning[-1]) == ("", ".")
    assert ask("--explain", code, "--format", "json").json["exit_code"] == EXPLAINED[code].family.exit_code


def test_all_codes_and_rules_are_listed(ask: Ask) -> None:
    everything = [*EXPLAINED, *SLUGS]
    assert [line.split()[0] for line in ask("--explain", "all").out.splitlines()] == everything
    assert len(ask("--explain", "all", "--format", "json").json) == len(everything)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_rule_is_explained_by_its_page(ask: Ask, slug: str) -> None:
    page = (PROJECT / "docs" / "reference" / "rules" / f"{slug}.md").read_text(encoding="utf-8")
    answered = ask("--explain", slug)
    assert answered.code == 0
    assert answered.out.endswith(page)
    assert ask("--explain", slug, "--format", "json").json["page"] == page


def test_a_name_that_is_a_code_and_a_rule_is_explained_as_both(ask: Ask) -> None:
    (name,) = set(EXPLAINED) & set(SLUGS)
    out = ask("--explain", name).out
    assert out.startswith(f"{name}: misconfigured (exit code 7)")
    assert f"\n\n# {name}\n" in out
    assert ask("--explain", name, "--format", "json").json.keys() == {
        "code",
        "family",
        "exit_code",
        "meaning",
        "rule",
        "page",
    }


def test_a_misspelt_code_is_met_with_near_ones(ask: Ask) -> None:
    answered = ask("--explain", "token-expird")
    assert answered.code == 7
    assert "token-expired" in answered.err
    assert "debug-image-admitted" in ask("--explain", "debug-image-admited").err
