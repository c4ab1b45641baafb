"""The file that names the model's classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from tests.workload.samples import LABELS
from workload.labels import read_labels
from workload.runtimes import ModelMisfit


@pytest.mark.parametrize(
    ("content", "family", "said"),
    [
        (None, Misconfigured, "is not in the model archive"),
        (b"\xff\xfe", Misconfigured, "is not UTF-8 text"),
        (b"red\ngreen\nblue", ModelMisfit, "names 3 classes, and the model has 4"),
    ],
)
def test_labels_that_do_not_fit_the_model_are_refused(
    tmp_path: Path, content: bytes | None, family: type[Misconfigured], said: str
) -> None:
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(family, match=said):
        read_labels(tmp_path, "labels.txt", classes=4)


def test_labels_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    assert read_labels(tmp_path, "labels.txt", classes=4) == LABELS
    assert read_labels(tmp_path, None, classes=4) is None


def test_a_label_may_hold_what_separates_lines_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("a\u2028b\r\nc\x85d".encode())
    assert read_labels(tmp_path, "labels.txt", classes=2) == ("a\u2028b", "c\x85d")
