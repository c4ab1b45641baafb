"""What the evidence amounts to: one thing changed in a row, and never more than was found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import Digest
from attestation.errors import ExitCode
from deploy.accounting import Accounting, Unaccounted
from deploy.comparing import Compared, Difference, Differences, LayerCompared
from symbolon.auditor.image_answers import (
    AccountedFor,
    Differs,
    Evidence,
    NotReproduced,
    Rebuilt,
    Reproduced,
    conclude,
    exit_code_of,
    said_of,
    word_of,
)

HERE, THERE = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
ONE = Differences(first=(Difference(path="a", what="added"),))
NONE = Differences()
LAYER = LayerCompared(number=1, found=HERE, wanted=THERE, same_tar=True, differences=NONE)
COMPARED = Compared(notes=ONE, configuration=NONE, layers=(LAYER,), files=NONE)
REBUILT = Rebuilt(digest=HERE, tool="buildah 1.28.2", base="the base python@sha256:3", compared=None)
ACCOUNTING = Accounting(
    ours=NONE, wheels=NONE, settings=NONE, unaccounted=(), by={}, compiler="CPython 3.11.7"
)
EVIDENCE = Evidence(digest=HERE, sources=("the sources", "the root"))


def test_the_same_digest_is_reproduced_and_says_by_what() -> None:
    answer = conclude(replace(EVIDENCE, rebuilt=REBUILT))
    assert isinstance(answer, Reproduced)
    assert (word_of(answer), exit_code_of(answer)) == ("reproduced", ExitCode.YES)
    assert answer.rests_on == (
        "built again by buildah 1.28.2",
        "on the base python@sha256:3",
        "the sources",
        "the root",
    )


@pytest.mark.parametrize(
    ("compared", "kind", "code"),
    [
        pytest.param(COMPARED, NotReproduced, ExitCode.UNKNOWN, id="only notes and bytes of layers differ"),
        pytest.param(replace(COMPARED, files=ONE), Differs, ExitCode.ANSWERED_NO, id="a file differs"),
        pytest.param(
            replace(COMPARED, configuration=ONE), Differs, ExitCode.ANSWERED_NO, id="a setting differs"
        ),
        pytest.param(None, NotReproduced, ExitCode.UNKNOWN, id="nothing was compared"),
    ],
)
def test_another_digest_is_never_reproduced(compared: Compared | None, kind: type, code: ExitCode) -> None:
    rebuilt = replace(REBUILT, digest=THERE, compared=compared)
    answer = conclude(replace(EVIDENCE, rebuilt=rebuilt, accounting=ACCOUNTING))
    assert (type(answer), exit_code_of(answer)) == (kind, code)
    assert "buildah 1.28.2 makes" in said_of(answer)


def test_every_file_accounted_for_says_so_and_by_what() -> None:
    answer = conclude(replace(EVIDENCE, accounting=ACCOUNTING, known=("the known image",), lock="26 wheels"))
    assert isinstance(answer, AccountedFor)
    assert answer.rests_on == (
        "the sources",
        "the root",
        "26 wheels",
        "the known image",
        "bytecode compiled again by CPython 3.11.7",
    )
    assert "not built again" in said_of(answer)


@pytest.mark.parametrize("what", ["ours", "wheels", "settings"])
def test_one_difference_is_a_no_whatever_else_is_not_known(what: str) -> None:
    open_ = (Unaccounted(what="the operating system", count=6000, first=("bin/sh",)),)
    changed: dict[str, Any] = {"unaccounted": open_, what: ONE}
    answer = conclude(replace(EVIDENCE, accounting=replace(ACCOUNTING, **changed)))
    assert (type(answer), exit_code_of(answer)) == (Differs, ExitCode.ANSWERED_NO)


def test_files_without_a_source_leave_the_base_not_reproduced() -> None:
    open_ = (Unaccounted(what="the operating system", count=6000, first=("bin/sh",)),)
    answer = conclude(replace(EVIDENCE, accounting=replace(ACCOUNTING, unaccounted=open_)))
    assert (word_of(answer), exit_code_of(answer)) == ("base not reproduced", ExitCode.UNKNOWN)
    assert said_of(answer) == "nothing differs, and without a source are the operating system (6,000)"


def test_no_evidence_is_no_answer() -> None:
    assert (type(conclude(EVIDENCE)), exit_code_of(conclude(EVIDENCE))) == (NotReproduced, ExitCode.UNKNOWN)
