"""A GPU whose confidential mode is off, or for developers, holds the model in the open.

It speaks only of a condition that speaks of GPUs: an image without a driver cannot use one.
Source: Google Cloud documentation, "Attestation token claims", `nvidia_gpu.cc_mode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "gpu-confidential-mode-not-required"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a GPU is admitted that does not compute confidentially"


def question(_: Context) -> str:
    return 'assertion.submods.nvidia_gpu.cc_mode != "ON"'


def check(context: Context) -> Iterator[Finding]:
    if context.case.reads("submods.nvidia_gpu"):
        yield from context.admits(
            question(context),
            TITLE,
            hint='ask `assertion.submods.nvidia_gpu.cc_mode == "ON"`',
            about="submods.nvidia_gpu",
        )
