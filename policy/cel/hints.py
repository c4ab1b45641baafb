"""What somebody meant who wrote what other languages write, or what a word processor made of it."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from .. import claim_types, schema

_WORDS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "equals": "==",
    "like": ".matches(…)",
    "contains": ".contains(…)",
    "in": "in",
}
_CONSTANTS: Final = {"true": "true", "false": "false", "null": "null", "none": "null", "nil": "null"}
_FUNCTIONS: Final = {
    **dict.fromkeys(("len", "length", "count"), "write `size(…)`"),
    **dict.fromkeys(("equals", "eq", "isEqual"), "write `==`"),
    **dict.fromkeys(("regex", "regexMatch", "match", "test"), "write `.matches(…)`"),
    **dict.fromkeys(("any", "some"), "write `.exists(each, …)`"),
    **dict.fromkeys(("every", "forall", "forAll"), "write `.all(each, …)`"),
    **dict.fromkeys(("toLower", "toLowerCase", "lower"), "write `.lowerAscii()`"),
    **dict.fromkeys(("includes", "hasKey", "containsKey"), "write `… in …`"),
    **dict.fromkeys(("exists", "isset", "defined"), "write `has(…)`"),
}
_DASHED: Final = re.compile(r"(?<=\.)\w+(?:-\w+)+", re.ASCII)
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
    if found.lower() == "not":
        return "write `!(… in …)`"
    operator = _WORDS.get(found.lower(), "")
    if not operator and before.lower() == "not":
        operator = "!"
    return f"write `{operator}`" if operator else ""


def of_character(character: str) -> str:
    """What to write instead of a character that CEL does not have."""
    return _CHARACTERS.get(character, "")


def of_function(name: str) -> str:
    """What to write instead of another language's function; "" where nobody knows."""
    return _FUNCTIONS.get(name, "")


def of_bare_name(name: str, text: str = "", start: int = 0) -> str:
    """What a name alone probably means: a claim, the one that is nearest to the root, a constant, or a text.

    It stands in the condition `text`, from `start`: with a dash before it, it is part of a longer name.

    >>> of_bare_name("image_digest")
    'write `assertion.submods.container.image_digest`'
    """
    for dashed in _DASHED.finditer(text):
        if dashed.start() < start < dashed.end():
            return f'a name with a dash stands in brackets: `["{dashed.group()}"]`'
    if name.lower() in _CONSTANTS:
        return f"write `{_CONSTANTS[name.lower()]}`"
    waiting: deque[tuple[str, claim_types.Object]] = deque([("assertion", schema.ASSERTION)])
    while waiting:
        path, holder = waiting.popleft()
        if name in holder.fields:
            return f"write `{path}.{name}`"
        for field, claim in holder.fields.items():
            inner = claim_types.without_null(claim.type)
            if isinstance(inner, claim_types.Object):
                waiting.append((f"{path}.{field}", inner))
    return f'a text stands in quotes: `"{name}"`' if name.isupper() else ""
