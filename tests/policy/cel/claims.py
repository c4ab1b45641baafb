"""Claims of each JSON type, for expressions to read."""

from __future__ import annotations

from typing import Any

CLAIMS: dict[str, Any] = {
    "s": "abc",
    "n": 3,
    "d": 1.5,
    "yes": True,
    "z": None,
    "list": ["a", "b"],
    "numbers": [1, 2.0],
    "map": {"k": 1},
    "unicode": "é😀",
    "empty": [],
    "huge": 2**63,
}
