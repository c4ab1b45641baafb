"""The application by itself: what is sent to it, in whichever pieces, and how each call ends."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import pytest

from attestation.errors import Denied, Misconfigured, SymbolonError, Unavailable
from contract.release_refusals import REFUSALS
from release import bodies, server
from release.bodies import Room
from release.event_log import EventLog
from release.health import look
from release.metrics import Metrics
from release.server import Service, make_app
from release.workers import Workers
from tests.release.brokers import World

CANARY = "canary-in-what-went-wrong"
Message = MutableMapping[str, Any]


class Asked:
    """An application that is asked without a network; `lines` are its log's."""

    def __init__(self, broker: Any) -> None:
        self._log = io.StringIO()
        self.service = Service(
            broker=broker,
            workers=Workers(workers=1, waiting=1),
            owners=Workers(workers=1, waiting=1),
            looking=Workers(workers=1, waiting=1),
            room=Room(),
            metrics=Metrics(),
            log=EventLog(self._log, clock=time.time),
            clock=lambda: 1_800_000_000.0,
        )
        self._app = make_app(self.service)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.getvalue().splitlines()]

    def ask(
        self,
        method: str,
        path: str,
        parts: Sequence[bytes] = (b"",),
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        leaves: bool = False,
        stalls_s: float = 0,
    ) -> tuple[int, bytes]:
        """Status and body; the body is sent in `parts`, and may stall, or end in the sender's leaving."""
        sent: list[Message] = []
        waiting = [
            {"type": "http.request", "body": part, "more_body": leaves or at < len(parts) - 1}
            for at, part in enumerate(parts)
        ]

        async def receive() -> Message:
            if waiting:
                return waiting.pop(0)
            await asyncio.sleep(stalls_s)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": list(headers),
            "server": ("broker", 443),
            "scheme": "https",
        }
        try:
            asyncio.run(self._app(scope, receive, send))
        except ValueError:  # a bug is raised again for whoever serves the application
            assert sent
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], body


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked(broker=None)
    yield made
    made.service.workers.stop()
    made.service.owners.stop()
    made.service.looking.stop()


def raising(error: Exception) -> Callable[..., bytes]:
    def work(*arguments: object) -> bytes:
        raise error

    return work


def test_a_bug_is_logged_by_its_place_and_never_by_its_words(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "issue_challenge", raising(ValueError(CANARY)))
    status, answer = asked.ask("POST", "/v1/challenge")
    assert (status, json.loads(answer)["error"]["code"]) == (500, "bug")
    assert [line["event"] for line in asked.lines] == ["answered", "bug"]
    assert asked.lines[0]["outcome"] == "bug"
    assert asked.lines[1]["trouble"] == "ValueError"
    assert asked.lines[1]["place"].startswith("test_server.py:")
    assert CANARY not in json.dumps(asked.lines) + answer.decode()


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("`cloudkms.googleapis.com` does not answer the broker"),
        Denied("the broker may not decrypt by the key"),
        Misconfigured("a version of it is disabled"),
    ],
)
def test_the_broker_s_own_trouble_is_its_log_s_and_not_the_caller_s(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, error: SymbolonError
) -> None:
    monkeypatch.setattr(server, "issue_challenge", raising(error))
    status, answer = asked.ask("POST", "/v1/challenge")
    assert (status, json.loads(answer)["error"]["code"]) == (503, "broker-not-ready")
    assert error.message not in answer.decode()
    (line,) = asked.lines
    assert (line["outcome"], line["trouble"], line["reason"]) == (
        "broker-not-ready",
        error.code,
        error.message,
    )


@pytest.mark.parametrize("code", ["licence-used-up", "too-many-at-once", "database-unavailable"])
def test_a_refusal_has_its_status_and_is_counted(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(server, "issue_challenge", raising(REFUSALS[code].error()))
    status, answer = asked.ask("POST", "/v1/challenge")
    assert (status, json.loads(answer)["error"]["code"]) == (REFUSALS[code].status, code)
    counted = asked.service.metrics.render(log_size=0, ready=True).decode()
    assert f'symbolon_broker_calls_total{{call="challenge",outcome="{code}"}} 1.0' in counted
    assert "symbolon_broker_calls_in_progress 0.0" in counted


@pytest.mark.parametrize(
    ("parts", "headers", "status"),
    [
        pytest.param([b"x" * 1024], [], 200, id="as much as is allowed"),
        pytest.param([b"x" * 512] * 2, [], 200, id="the same in two parts"),
        pytest.param([b"x" * 1025], [], 413, id="a byte more"),
        pytest.param([b"x"] * 1025, [], 413, id="a byte more in many parts"),
        pytest.param([b""], [(b"content-length", b"1025")], 413, id="more is announced"),
        pytest.param([b""], [(b"content-length", b"9" * 40)], 413, id="an absurd length"),
        pytest.param([b""], [(b"content-length", b"-1")], 413, id="a length that is none"),
    ],
)
def test_a_body_is_read_up_to_its_bound(
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[bytes],
    headers: list[tuple[bytes, bytes]],
    status: int,
) -> None:
    monkeypatch.setattr(server, "issue_challenge", lambda broker, now: b"{}")
    assert asked.ask("POST", "/v1/challenge", parts, headers=headers)[0] == status


def test_a_body_that_does_not_end_is_refused(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "TIMEOUT_S", 0.01)
    status, answer = asked.ask("POST", "/v1/challenge", [b"x"], leaves=True, stalls_s=60)
    assert (status, json.loads(answer)["error"]["code"]) == (400, "request-malformed")
    assert "did not arrive within" in json.loads(answer)["error"]["message"]


def test_who_leaves_before_the_end_is_no_bug(asked: Asked) -> None:
    assert asked.ask("POST", "/v1/challenge", [b"x"], leaves=True)[0] == 400
    assert [line["outcome"] for line in asked.lines] == ["left"]


def take_all(workers: Workers) -> None:
    for _ in range(2):
        assert workers._places.acquire(blocking=False)


@pytest.mark.parametrize(("path", "work"), [("/v1/orders", "apply"), ("/v1/query", "answer_query")])
def test_the_owner_is_answered_while_all_places_for_others_are_taken(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, path: str, work: str
) -> None:
    monkeypatch.setattr(server, work, lambda broker, body, now: body)
    take_all(asked.service.workers)
    assert asked.ask("POST", "/v1/report", [b"{}"])[0] == 429
    assert asked.ask("POST", path, [b"{}"]) == (200, b"{}")


def test_whoever_floods_the_owner_s_calls_keeps_no_workload_out(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "issue_challenge", lambda broker, now: b"{}")
    take_all(asked.service.owners)
    assert asked.ask("POST", "/v1/orders", [b"{}"])[0] == 429
    assert asked.ask("POST", "/v1/challenge")[0] == 200


def test_a_busy_broker_still_says_how_it_is(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    take_all(asked.service.workers)
    status, answer = asked.ask("POST", "/v1/release")
    assert (status, json.loads(answer)["error"]["code"]) == (429, "rate-limited")
    assert asked.ask("GET", "/healthz") == (200, b'{"alive":true}')


def test_health_is_what_the_database_and_the_log_say(world: World) -> None:
    assert look(world.broker).is_ready
    with world.broker.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    found = look(world.broker)
    assert (dict(found.checks), found.log_size) == ({"database": "migration-missing"}, None)


def test_a_log_that_is_not_whole_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.broker.log), "check_ready", raising(REFUSALS["broker-not-ready"].error()))
    found = look(world.broker)
    assert dict(found.checks) == {"database": "yes", "log": "broker-not-ready"}
    assert (found.is_ready, found.log_size) == (False, 0)
    assert found.reason == "the broker releases nothing at present"


@pytest.mark.parametrize(
    ("code", "is_said"),
    [("broker-not-ready", True), ("database-unavailable", True), ("licence-revoked", False)],
)
def test_why_the_broker_is_not_ready_is_in_its_log(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, code: str, is_said: bool
) -> None:
    monkeypatch.setattr(server, "issue_challenge", raising(REFUSALS[code].error("the file is gone")))
    asked.ask("POST", "/v1/challenge")
    (line,) = asked.lines
    assert line.get("reason") == ("the file is gone" if is_said else None)
