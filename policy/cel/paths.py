"""The paths by which a condition reads claims: `assertion.submods.gce.zone`, `assertion["a"][0]`."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..wording import rendered
from .syntax import Has, Identifier, Index, Literal, Node, Select

ROOTS: Final = ("assertion", "google", "attribute")


class Path(NamedTuple):
    """Constant keys from a root: names of fields, or positions in lists."""

    root: str
    keys: tuple[str | int, ...]

    @property
    def text(self) -> str:
        """How people know the claim: without `assertion.`, which every claim has.

        >>> Path("assertion", ("submods", "container", "env", "A-B")).text
        'submods.container.env["A-B"]'
        """
        text = "" if self.root == "assertion" and isinstance(self.keys[0], str) else self.root
        for key in self.keys:
            if isinstance(key, str) and _is_name(key):
                text += f".{key}" if text else key
            else:
                text = f"{text or self.root}[{rendered(key)}]"
        return text

    @property
    def parent(self) -> Path:
        return Path(self.root, self.keys[:-1])


def may_name_a_type(path: Path) -> bool:
    """Whether these are words like `google.protobuf.Timestamp`, which CEL knows without any token."""
    return path.root == "google" and len(path.keys) > 1 and path.keys[0] not in ("subject", "groups")


def path_of(node: Node, shadowed: frozenset[str] = frozenset()) -> Path | None:
    """The path that `node` reads, if it reads one; `shadowed` are the variables of macros around it.

    `has(assertion.a)` reads the path of `assertion.a`.
    """
    keys: list[str | int] = []
    each = node
    while True:
        if isinstance(each, Select) or (isinstance(each, Has) and each is node):
            keys.append(each.field)
            each = each.operand
        elif isinstance(each, Index) and (key := _constant_key(each.key)) is not None:
            keys.append(key)
            each = each.operand
        else:
            break
    if not keys or not isinstance(each, Identifier) or each.name not in ROOTS:
        return None
    if each.name in shadowed and not each.outermost:
        return None
    return Path(each.name, tuple(reversed(keys)))


def _is_name(key: str) -> bool:
    """Whether a dot may stand before it."""
    return key.isascii() and key.isidentifier()


def _constant_key(node: Node) -> str | int | None:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Literal) and node.kind == "int" and isinstance(node.value, int):
        return node.value
    return None
