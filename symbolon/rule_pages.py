"""The page of each rule: docs/reference/rules/<slug>.md, from the checkout or from the installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from policy.rule_slugs import SLUGS

_INSTALLED: Final = Path(__file__).parent / "pages"
_CHECKOUT: Final = Path(__file__).parents[1] / "docs" / "reference" / "rules"


def read_page(slug: str) -> str:
    """The rule's page, in Markdown; "" when there is no rule of that name."""
    if slug not in SLUGS:
        return ""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return (folder / f"{slug}.md").read_text(encoding="utf-8")
