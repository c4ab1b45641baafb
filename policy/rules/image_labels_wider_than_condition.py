"""Capabilities and control groups are in no claim: the image's labels alone decide of them.

Source: google/go-tpm-tools, launcher/spec/launch_policy.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..cel.rendering import render_constant
from ..context import CONTAINER, Context
from ..findings import Finding, Severity
from ..proving.answers import NoneFound, Undecided
from ..wording import quoted, rendered

SLUG: Final = "image-labels-wider-than-condition"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "the image lets its operator do what the condition cannot see, or means to refuse"

_PREFIX: Final = "tee.launch_policy."
_UNSEEN: Final = ("allow_capabilities", "allow_cgroups")


def asks(context: Context) -> Iterator[str]:
    for _, _, question in _allowed(context) if context.is_first else ():
        yield question


def check(context: Context) -> Iterator[Finding]:
    if not context.is_first:
        return
    labels = context.policies.labels or {}
    for name in _UNSEEN:
        if _is_true(labels.get(f"{_PREFIX}{name}", "")):
            yield _finding(context, name, labels, "no claim shows whether it was used")
    asked = [(label, why, context.ask(question)) for label, why, question in _allowed(context)]
    for label, why, answer in asked:
        if isinstance(answer, NoneFound):
            yield _finding(context, label, labels, why)
    undecided = [answer.reason for _, _, answer in asked if isinstance(answer, Undecided)]
    if undecided:
        yield context.undecided(undecided[0])


def _allowed(context: Context) -> Iterator[tuple[str, str, str]]:
    """The labels that allow an override, why one is too wide, and the question whether it is not."""
    labels = context.policies.labels or {}
    if _is_true(labels.get(f"{_PREFIX}allow_cmd_override", "")):
        why = "the condition admits no override"
        yield "allow_cmd_override", why, f"size({CONTAINER}.cmd_override) > 0"
    for variable in filter(None, labels.get(f"{_PREFIX}allow_env_override", "").split(",")):
        name, why = render_constant(variable.strip()), f"the condition refuses {quoted(variable)}"
        yield "allow_env_override", why, f"{name} in {CONTAINER}.env_override"


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "t", "true")  # as Go's strconv.ParseBool, which the launcher uses


def _finding(context: Context, name: str, labels: Mapping[str, str], why: str) -> Finding:
    value = labels[f"{_PREFIX}{name}"]
    return context.finding(
        f"the label `{_PREFIX}{name}` is {rendered(value)}: {why}",
        hint="build the image without it",
        place="image",
        span=(0, len(value)),
        text=value,
    )
