"""What a workload writes goes where the operator said, and nowhere else."""

from __future__ import annotations

import os

import pytest

from emulator.vm.workload_output import redirected
from tests.emulator.vm.conftest import Bench

_PROGRAM = "import sys; print('said'); print('failed', file=sys.stderr)"


@pytest.mark.parametrize(
    ("location", "serial", "cloud"),
    [
        ("", False, False),
        ("true", True, True),
        ("serial", True, False),
        ("cloud_logging", False, True),
    ],
    ids=["nowhere unless it was asked for", "everywhere", "to the serial port", "to Cloud Logging"],
)
def test_output_goes_where_the_operator_said(bench: Bench, location: str, serial: bool, cloud: bool) -> None:
    ended = bench.boot(_PROGRAM, container_log_redirect=location)
    lines = ended.serial.splitlines()
    assert ("said" in lines, "failed" in lines) == (serial, serial)
    logged = [(severity, payload["message"]) for severity, payload in bench.logged if "message" in payload]
    assert sorted(logged) == ([("ERROR", "failed"), ("INFO", "said")] if cloud else [])


def test_of_no_redirection_the_log_speaks(bench: Bench) -> None:
    assert "Container stdout/stderr will not be redirected." in bench.boot(_PROGRAM).serial


def test_a_line_is_an_entry_as_soon_as_it_is_whole_and_the_rest_at_the_end() -> None:
    sent: list[object] = []
    with redirected("cloud_logging", sent.append, lambda *entry: sent.append(entry)) as (out, _):
        for part in (b"one\r\ntw", b"o\n\n", b"caf\xc3\xa9 \xff"):
            os.write(out, part)
    assert sent == [("INFO", {"message": text}) for text in ("one", "two", "caf\u00e9 \ufffd")]


def test_a_line_without_end_is_cut() -> None:
    serial: list[bytes] = []
    sent: list[str] = []
    with redirected("true", serial.append, lambda _, entry: sent.append(str(entry["message"]))) as files:
        for part in (b"a", b"b", b"c", b"d"):
            os.write(files[1], part * 65_536)
    assert len(sent) > 1
    assert "".join(sent).encode() == b"".join(serial)
