"""A line of the log is one JSON object, whatever is in it and whoever has left."""

from __future__ import annotations

import io
import json
from threading import Thread

from release.event_log import EventLog

NOW = 1_800_000_000.25


def test_a_line_has_its_time_its_event_and_what_is_known() -> None:
    stream = io.StringIO()
    EventLog(stream, clock=lambda: NOW).write("answered", call="release", status=200, licence=None)
    assert json.loads(stream.getvalue()) == {
        "at": "2027-01-15T08:00:00.250Z",
        "event": "answered",
        "call": "release",
        "status": 200,
    }


def test_no_text_breaks_its_line_or_is_endless() -> None:
    stream = io.StringIO()
    EventLog(stream, clock=lambda: NOW).write("answered", reason="a\nb\x1b[2J" + "x" * 10_000)
    (line,) = stream.getvalue().splitlines()
    assert line.isascii() and "\x1b" not in line
    assert len(json.loads(line)["reason"]) == 200


def test_lines_of_many_threads_do_not_mix() -> None:
    stream = io.StringIO()
    log = EventLog(stream, clock=lambda: NOW)

    def write() -> None:
        for n in range(100):
            log.write("a", n=n)

    threads = [Thread(target=write) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 800


def test_a_reader_that_has_left_stops_nothing() -> None:
    stream = io.StringIO()
    log = EventLog(stream, clock=lambda: NOW)
    stream.close()
    log.write("answered")
