"""The list of steps is the protocol's."""

from __future__ import annotations

from workload.inference import Step


def test_the_steps_are_ten_and_in_order() -> None:
    assert [step.value for step in Step] == [
        *("measure", "attest", "exchange", "impersonate", "fetch"),
        *("verify", "load", "infer", "write", "seal"),
    ]
