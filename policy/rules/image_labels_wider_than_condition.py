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


def check(context: Context) -> Iterator[Finding]:
    labels = context.policies.labels or {}
    for name in _UNSEEN if context.is_first else ():
        if _is_true(labels.get(f"{_PREFIX}{name}", "")):
            yield _finding(context, name, labels, "no claim shows whether it was used")
    if not context.is_first:
        return
    asked = []
    if _is_true(labels.get(f"{_PREFIX}allow_cmd_override", "")):
        why = "the condition admits no override"
        asked.append(("allow_cmd_override", why, context.ask(f"size({CONTAINER}.cmd_override) > 0")))
    for variable in filter(None, labels.get(f"{_PREFIX}allow_env_override", "").split(",")):
        name, why = render_constant(variable.strip()), f"the condition refuses {quoted(variable)}"
        asked.append(("allow_env_override", why, context.ask(f"{name} in {CONTAINER}.env_override")))
    for label, why, answer in asked:
        if isinstance(answer, NoneFound):
            yield _finding(context, label, labels, why)
    undecided = [answer.reason for _, _, answer in asked if isinstance(answer, Undecided)]
    if undecided:
        yield context.undecided(undecided[0])


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
