"""The requests that the real gcloud made, made again: the answers are of the same kind, without gcloud."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.recorded import COMMANDS, Memory, sections


def test_every_command_is_recorded_and_nothing_secret_is() -> None:
    assert [(each["by"], each["command"]) for each in sections()] == list(COMMANDS)
    assert all(each["requests"] for each in sections())
    text = json.dumps(sections())
    for secret in ("ya29", "1//", "refresh_token", "Bearer"):
        assert secret not in text


def test_what_gcloud_asked_is_answered_as_it_was(platform: Any) -> None:
    memory = Memory()
    for section in sections():
        for request in section["requests"]:
            url, body = memory.fill(request["url"]), request["body"]
            body = None if body is None else json.loads(memory.fill(json.dumps(body)))
            answer = platform.call(request["method"], url, body, by=section["by"])
            said = f"{section['command']}: {request['method']} {url}: {answer.text}"
            assert answer.status == request["status"], said
            memory.hear(answer.json)


@pytest.mark.parametrize("text", ["ETAG", '{"etag": "ETAG"}', "a/operations/OPERATION?x"])
def test_what_is_new_in_each_run_is_filled_in(text: str) -> None:
    memory = Memory()
    memory.hear({"name": "operations/17", "policy": {"etag": "a/+="}})
    assert memory.fill(text) == text.replace("ETAG", "a/+=").replace("OPERATION", "17")
