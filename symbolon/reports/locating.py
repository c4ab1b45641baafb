"""Where in a person's file a finding points: the span of a condition, found again in the file's text.

A `.cel` file is the condition itself; in JSON the condition is a string with its escapes; in a policy
file the condition is not written at all, and only quotations from the file itself are found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from policy.documents import is_yaml
from policy.findings import Finding

from ..policy_files import NamedPolicySet, NamedText

_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_UNIT: Final = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u\w{4}|\\.|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A stretch of a text: lines and columns from 1 in code points, the last column exclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file, and where in it; `region` is None for the whole of it."""

    name: str
    region: Region | None

    @property
    def described(self) -> str:
        if self.region is None:
            return self.name
        return f"{self.name}:{self.region.start_line}:{self.region.start_column}"


def locate(finding: Finding, named: NamedPolicySet) -> Place:
    """The place of the finding in one of the files that `named` was read from."""
    beside = {"bindings": named.bindings, "image": named.image}.get(finding.place)
    file = named.policy if beside is None else beside
    span = _span(finding, named, file)
    return Place(name=file.name, region=None if span is None else _region(file.text, *span))


def _span(finding: Finding, named: NamedPolicySet, file: NamedText) -> tuple[int, int] | None:
    if finding.span is None:
        return None
    if named.policies.kind == "condition" and file is named.policy:
        return finding.span
    provider = next((each for each in named.policies.providers if each.name == finding.provider), None)
    texts = []
    if provider is not None and finding.place == "condition":
        texts = [provider.condition]
    elif provider is not None and finding.place.startswith("mapping "):
        texts = [provider.mapping.expressions.get(finding.place.removeprefix("mapping "), "")]
    near = file.text.find(json.dumps(finding.provider)) if finding.provider else 0
    for text in filter(None, texts):
        if found := min(_strings(file.text, text), key=lambda units: abs(units[0] - near), default=None):
            return found[finding.span[0]], found[finding.span[1]]
        if file is named.policy and (in_yaml := _in_yaml(file.text, text, finding)):
            return in_yaml
    at = file.text.find(finding.excerpt) if finding.excerpt else -1
    return None if at < 0 else (at, at + len(finding.excerpt))


def _strings(document: str, wanted: str) -> Iterator[list[int]]:
    """For each JSON string that says `wanted`: where each of its characters begins, and where it ends."""
    for match in _STRING.finditer(document):
        literal = match.group()
        if len(literal) < len(wanted) + 2:
            continue
        try:
            if json.loads(literal) != wanted:
                continue
        except ValueError:
            continue
        inner = literal[1:-1]
        yield [match.start() + 1 + unit.start() for unit in _UNIT.finditer(inner)] + [match.end() - 1]


def _in_yaml(document: str, wanted: str, finding: Finding) -> tuple[int, int] | None:
    """Where the finding in `wanted`, an expression of its provider, stands in YAML as gcloud prints it.

    Where lines are folded in it, it is the whole of the expression.
    """
    if finding.span is None or not is_yaml(document):
        return None
    import yaml  # only who has some waits for it

    from policy.plain_yaml import PlainLoader

    try:
        waiting = [each for each in yaml.compose_all(document, Loader=PlainLoader) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    found: list[tuple[int, int, bool]] = []
    scopes = [(node, False) for node in waiting]
    while scopes:
        node, is_of = scopes.pop()
        if isinstance(node, yaml.MappingNode):
            values = [value for _, value in node.value]
            is_of |= any(each.value == finding.provider for each in values)
            scopes += [(each, is_of) for each in values]
        elif isinstance(node, yaml.SequenceNode):
            scopes += [(each, is_of) for each in node.value]
        elif node.value == wanted:
            found.append((node.start_mark.index, node.end_mark.index, is_of))
    if not found:
        return None
    start, end, _ = min(found, key=lambda each: (not each[2], each[0]))
    for inner in (start, start + 1):  # plain, or in quotes
        if document[inner : inner + len(wanted)] == wanted:
            return inner + finding.span[0], inner + finding.span[1]
    if (at := document.find(finding.excerpt, start, end)) >= 0:
        return at, at + len(finding.excerpt)
    return start, start + len(document[start:end].rstrip())


def _region(text: str, start: int, end: int) -> Region:
    start_line, start_column = _position(text, start)
    end_line, end_column = _position(text, max(start, end))
    return Region(start_line=start_line, start_column=start_column, end_line=end_line, end_column=end_column)


def _position(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
