"""The serial port: what was written, read from where a reader is."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.vm.serial_log import SerialLog

LARGEST = 1024 * 1024


@pytest.fixture
def log(tmp_path: Path) -> SerialLog:
    return SerialLog(tmp_path / "serial.log")


def test_a_port_that_nobody_wrote_to_is_empty(log: SerialLog) -> None:
    assert log.read(0) == (0, "", 0)
    assert log.read(7) == (0, "", 0)


def test_bytes_that_are_no_text_are_shown_as_such(log: SerialLog) -> None:
    log.write(b"caf\xc3\xa9 \xff\n")
    assert log.read(0) == (0, "caf\u00e9 \ufffd\n", 8)


def test_a_reader_goes_on_where_it_stopped(log: SerialLog) -> None:
    log.write(b"one\n")
    _, _, place = log.read(0)
    assert log.read(place) == (4, "", 4)
    log.write(b"two\n")
    assert log.read(place) == (4, "two\n", 8)


def test_a_place_behind_the_end_is_the_end(log: SerialLog) -> None:
    log.write(b"one\n")
    assert log.read(400) == (4, "", 4)


def test_of_much_output_the_last_mebibyte_is_read_first(log: SerialLog) -> None:
    log.write(b"a" * 10 + b"b" * LARGEST)
    assert log.read(0) == (10, "b" * LARGEST, 10 + LARGEST)
    assert log.read(1) == (1, "a" * 9 + "b" * (LARGEST - 9), 1 + LARGEST)
