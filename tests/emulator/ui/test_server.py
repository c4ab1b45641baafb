"""Who gets the page: a browser with a ticket, at this address, asked by nobody else's page."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from emulator.ui.server import serving
from emulator.ui.tickets import issue_ticket
from tests.emulator.ui.samples import add_lines, audit_line, write_state


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return write_state(tmp_path)


_CONNECTIONS: list[http.client.HTTPConnection] = []


@pytest.fixture
def authority(state: Path) -> Iterator[str]:
    with serving(state) as address:
        yield address
        while _CONNECTIONS:
            _CONNECTIONS.pop().close()


def ask(
    authority: str, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(authority, timeout=20)
    _CONNECTIONS.append(connection)
    connection.request(method, path, headers=dict(headers or {}))
    return connection.getresponse()


def signed_in(authority: str, state: Path) -> dict[str, str]:
    answer = ask(authority, f"/open?ticket={issue_ticket(state)}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def test_a_ticket_becomes_a_session_that_no_script_and_no_other_site_has(authority: str, state: Path) -> None:
    ticket = issue_ticket(state)
    answer = ask(authority, f"/open?ticket={ticket}")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= {each.strip() for each in cookie.split(";")}
    assert ticket not in cookie
    page = ask(authority, "/", headers={"Cookie": cookie.partition(";")[0]})
    assert (page.status, page.headers.get_content_type()) == (200, "text/html")
    assert b"workload-vm" in page.read()
    again = ask(authority, f"/open?ticket={ticket}")
    assert again.status == 401
    assert b"symbolon emulator up --ui" in again.read()


@pytest.mark.parametrize("path", ["/", "/events", "/page.js", "/page.css", "/no", "/open", "/open?ticket=x"])
def test_without_a_session_nothing_is_shown(authority: str, path: str) -> None:
    answer = ask(authority, path)
    assert answer.status == 401
    body = answer.read()
    assert b"workload" not in body and b"primus" not in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Host": "evil.example"}, 421, id="a name that was rebound to this address"),
        pytest.param({"Host": "localhost"}, 421, id="another name of this machine"),
        pytest.param({"Host": "127.0.0.1:1"}, 421, id="another port"),
        pytest.param({"Host": ""}, 421, id="no name"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="another page's script"),
        pytest.param({"Origin": "null"}, 403, id="a page without an origin"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, 403, id="another port's script"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another site's element"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="another port's element"),
        pytest.param({"Cookie": "symbolon-page=x"}, 401, id="a session that nobody gave"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/events", "/open"])
def test_what_comes_from_elsewhere_is_refused_with_a_session_too(
    authority: str, state: Path, path: str, headers: dict[str, str], status: int
) -> None:
    session = signed_in(authority, state)
    ticket = issue_ticket(state)
    answer = ask(authority, f"{path}?ticket={ticket}" if status != 401 else path, headers=session | headers)
    assert answer.status == status
    if path == "/open" and status != 401:  # and it has not cost the ticket
        assert ask(authority, f"/open?ticket={ticket}").status == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_read_and_nothing_else(authority: str, state: Path, method: str) -> None:
    assert ask(authority, "/", method=method, headers=signed_in(authority, state)).status == 405


def test_a_look_at_the_head_does_not_cost_the_ticket(authority: str, state: Path) -> None:
    ticket = issue_ticket(state)
    assert ask(authority, f"/open?ticket={ticket}", method="HEAD").status == 401
    assert ask(authority, f"/open?ticket={ticket}").status == 303


def test_every_answer_says_what_a_browser_may_do_with_it(authority: str, state: Path) -> None:
    for answer in (ask(authority, "/"), ask(authority, "/", headers=signed_in(authority, state))):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str]]:
    while name := answer.readline().decode().strip():
        data = answer.readline().decode().strip()
        assert answer.readline() == b"\n"
        yield name.removeprefix("event: "), data.removeprefix("data: ")


def test_its_events_are_everything_first_and_then_what_changed(authority: str, state: Path) -> None:
    answer = ask(authority, "/events", headers=signed_in(authority, state))
    assert answer.headers.get_content_type() == "text/event-stream"
    told = events(answer)
    first = [json.loads(next(told)[1])["region"] for _ in range(4)]
    assert first == ["parties", "runs", "decisions", "entries"]
    assert next(told) == ("alive", "5")
    add_lines(state / "audit.jsonl", audit_line("new.example", granted=False))
    change = next(json.loads(data) for name, data in told if name == "change")
    assert (change["region"], list(change["blocks"]), change["order"][0]) == ("entries", ["line-6"], "line-6")
    answer.close()


def test_more_pages_than_a_person_has_are_sent_away(authority: str, state: Path) -> None:
    session = signed_in(authority, state)
    open_pages = [ask(authority, "/events", headers=session) for _ in range(8)]
    for page in open_pages:
        page.readline()
    assert ask(authority, "/events", headers=session).status == 503
    for page in open_pages:
        page.close()
