"""The broker's calls, described as OpenAPI has them."""

from __future__ import annotations

import json
from functools import cache


@cache
def render_openapi() -> bytes:
    return json.dumps({"openapi": "3.1.0"}).encode()
