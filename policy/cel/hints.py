"""What somebody meant who wrote what other languages write, or what a word processor made of it."""

from __future__ import annotations

from collections import deque
from typing import Final

from .. import schema

_WORDS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "equals": "==",
    "like": ".matches(…)",
    "contains": ".contains(…)",
}
_CHARACTERS: Final = {
    "=": "did you mean `==`?",
    "&": "did you mean `&&`?",
    "|": "did you mean `||`?",
    **dict.fromkeys(
        "\u201c\u201d\u201e\u201f\u00ab\u00bb", 'write `"`: this is a typographic quotation mark'
    ),
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2039\u203a", "write `'`: this is a typographic quotation mark"
    ),
    **dict.fromkeys("\u00a0\u2007\u202f\u200b\ufeff", "write an ordinary space"),
    **dict.fromkeys("\u2013\u2014\u2212", "write `-`: this is a dash"),
    "\u2260": "write `!=`",
    "\u2264": "write `<=`",
    "\u2265": "write `>=`",
    "\u2227": "write `&&`",
    "\u2228": "write `||`",
    "#": "a comment begins with `//`",
    ";": "leave it out",
}


def of_word(found: str, before: str = "") -> str:
    """What to write instead of a word where an operator is expected; "" where nobody knows.

    `before` is what stands before it: `not` is taken for a name, and what follows it is what is odd.

    >>> of_word("AND"), of_word("assertion", before="not")
    ('write `&&`', 'write `!`')
    """
    operator = _WORDS.get(found.lower(), "")
    if not operator and before.lower() == "not":
        operator = "!"
    return f"write `{operator}`" if operator else ""


def of_character(character: str) -> str:
    """What to write instead of a character that CEL does not have."""
    return _CHARACTERS.get(character, "")


def of_bare_name(name: str) -> str:
    """The claim that a name alone probably means: the one of this name that is nearest to the root.

    >>> of_bare_name("image_digest")
    'write `assertion.submods.container.image_digest`'
    """
    waiting: deque[tuple[str, schema.Object]] = deque([("assertion", schema.ASSERTION)])
    while waiting:
        path, holder = waiting.popleft()
        if name in holder.fields:
            return f"write `{path}.{name}`"
        for field, claim in holder.fields.items():
            inner = schema.without_null(claim.type)
            if isinstance(inner, schema.Object):
                waiting.append((f"{path}.{field}", inner))
    return ""
