"""The rules that the type checker decides: it holds a policy's texts against CEL's types and the vocabulary.

Each is data. The checker's own finding has the words; the rule says how bad it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..context import Context
from ..findings import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """The type checker may say nothing under this name."""

    slug: str
    title: str
    severity: Severity = Severity.HIGH

    def asks(self, _: Context) -> Iterator[str]:
        """Nothing of tokens."""
        yield from ()

    def check(self, context: Context) -> Iterator[Finding]:
        """What the type checker says of the condition and the mapping."""
        return context.from_types(self.slug)


_RULES: Final = (
    # A pattern that cannot be read makes its clause an error, and an error refuses.
    # Source: google/re2, wiki "Syntax".
    TypeRule(slug="invalid-pattern", title="a regular expression that RE2 refuses"),
    # A claim that no document names is most often misspelt, and then no token has it.
    # Source: policy/schema.py.
    TypeRule(slug="unknown-claim", title="a claim that no document names"),
    # CEL looks into lists and maps by `in`, and into strings by `contains`.
    # Source: google/cel-spec, doc/langdef.md, "List of Standard Definitions".
    TypeRule(slug="in-on-a-string", title="`in` on what is documented as a string, which is an error"),
    # A value that no document names is most often mistyped, or of a document that real tokens contradict.
    # Source: policy/schema.py: what real tokens hold, where documents say otherwise.
    TypeRule(slug="value-outside-vocabulary", title="a value that is not documented for the claim"),
    # A digest is `sha256:` and 64 lower-case hex digits; nothing else is ever equal to one.
    # Source: opencontainers/image-spec, descriptor.md, "Digests".
    TypeRule(slug="malformed-digest", title="a digest that is none"),
)
BY_TYPE: Final[Mapping[str, TypeRule]] = {rule.slug: rule for rule in _RULES}
"""Each of these rules by its slug."""
