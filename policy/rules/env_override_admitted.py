"""A variable such as LD_PRELOAD or PYTHONPATH makes another program of the same image.

Source: google/go-tpm-tools, launcher/spec/launch_spec.go; Google Cloud documentation, `env_override`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, Context
from ..findings import Finding, Severity
from ..proving.neighbours import STRANGERS_VARIABLES

SLUG: Final = "env-override-admitted"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "whoever launches the workload may set variables that the condition does not name"


def question(context: Context) -> str:
    """That a variable is set which the condition does not name."""
    name = next((each for each in STRANGERS_VARIABLES if each not in context.case.strings), "ANY")
    return f'"{name}" in {CONTAINER}.env_override && "{name}" in {CONTAINER}.env'


def check(context: Context) -> Iterator[Finding]:
    claim = f"{CONTAINER}.env_override"
    return context.admits(
        question(context),
        TITLE,
        hint=f'ask `!has({claim}) || {claim}.all(name, name in ["…"])`',
        about="submods.container.env_override",
    )
