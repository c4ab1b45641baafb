"""The requests of real clients, recorded while a story is told, and replayed without the clients.

    scripts/record-clients gsutil node     # tells the stories, and writes their recordings

A recording is JSON Lines: each request with whose it was, its method, URL, body (a text of Latin-1, or the
number of its zeros) and those headers that matter, and what it was answered: the status and the values that
later requests may name. It holds no credential: each replayed request brings a token of its own. What the
emulator gave out (sessions, generations, etags, fingerprints, operations, page tokens, ciphertexts with their
checksums) is another in each run: a replay puts its own in its place.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jwt
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator import running, server
from tests.clients.conftest import Shell, shell_in_front_of
from tests.clients.gcloud_story import gcloud
from tests.clients.kms_stories import STORIES as KMS_STORIES
from tests.clients.storage_stories import STORIES as STORAGE_STORIES

RECORDINGS = Path(__file__).parent / "recordings"
STORIES = {**STORAGE_STORIES, **KMS_STORIES}
CLIENTS = (*STORIES, "gcloud")
_HEADERS = re.compile(
    r"accept-encoding|content-(?:encoding|md5|range|type)|range|if-.*|x-upload-.*|x-goog-(?!api-client|user-project).*"
)
_GIVEN_OUT = re.compile(
    rb"upload_id=([0-9a-f]{32})"
    rb'|"(?:generation|etag|fingerprint|nextPageToken|ciphertext|ciphertextCrc32c)": ?"([^"]+)"'
    rb'|"name": ?"((?:[^"]*/operations/|operation-)[^"]+)"'
)
"""What the emulator names in an answer, for a client to name again."""
_BYTES = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Recorder:
    """An application that writes down what it is asked, but for tokens, in front of another that answers."""

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self._app = app
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers["host"].startswith("oauth2.") or scope["path"].startswith("/oauth2/"):
            await self._app(scope, receive, send)
            return
        body, answer, status = b"", b"", 0

        async def hear() -> Message:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def say(message: Message) -> None:
            nonlocal answer, status
            status = message.get("status", status)
            answered = message.get("headers", [])
            answer += b"".join(value for name, value in answered if name.lower() == b"location")
            answer += message.get("body", b"")
            await send(message)

        await self._app(scope, hear, say)
        query = scope["query_string"].decode("latin-1")
        entry = {
            "by": _party_of(headers.get("authorization", "")),
            "method": scope["method"],
            "url": f"https://{headers['host']}{scope['raw_path'].decode('latin-1')}"
            + (f"?{query}" if query else ""),
            "headers": {name: value for name, value in headers.items() if _HEADERS.fullmatch(name)},
            "body": body.decode("latin-1") if body.strip(b"\0") or not body else len(body),
            "status": status,
            "given": _given_out(answer),
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _given_out(answer: bytes) -> list[str]:
    if len(answer) > 2**20:
        return []
    return ["".join(part.decode() for part in parts) for parts in _GIVEN_OUT.findall(answer)]


def _party_of(authorization: str) -> str:
    """`owner` or `operator`, whose access token it is."""
    token = authorization.rpartition(" ")[2].split(".", 2)[2]
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(claims["name"]).partition("@")[0]


def replay(platform: Any, ask: Callable[..., Any], client: str) -> list[tuple[str, int, int]]:
    """Of each request: what it was, the status that it had when it was recorded, and the one that it has now.

    `platform` and `ask` are fixtures of tests/emulator/conftest.py: every service, in this process.
    """
    names: dict[str, str] = {}
    answered = []
    tokens = {party: platform.token_of(member) for party, member in _MEMBERS.items()}
    for line in (RECORDINGS / f"{client}.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        sent = entry["body"]
        body = bytes(sent) if isinstance(sent, int) else _renamed(sent, names).encode("latin-1")
        got = ask(
            platform.app,
            entry["method"],
            _renamed(entry["url"], names),
            headers={
                **entry["headers"],
                "content-length": str(len(body)),
                "authorization": f"Bearer {tokens[entry['by']]}",
            },
            body=body,
        )
        platform.clock.now += 0.001
        answered.append((f"{entry['method']} {entry['url']}", entry["status"], got.status))
        given = _given_out(got.headers.get("location", "").encode() + got.body)
        names |= dict(zip(entry["given"], given, strict=False))
        names |= {_url_safe(recorded): _url_safe(now) for recorded, now in names.items()}
    return answered


_MEMBERS = {"owner": "user:owner@primus.example", "operator": "user:operator@secundus.example"}


def _url_safe(name: str) -> str:
    """Bytes as gcloud spells them: in the other alphabet of base64."""
    return name.replace("+", "-").replace("/", "_") if _BYTES.fullmatch(name) else name


def _renamed(text: str, names: Mapping[str, str]) -> str:
    found = [name for name in names if name in text]
    if not found:
        return text
    either = re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True))))
    return either.sub(lambda match: names[match[0]], text)


def _serve(folder: Path, file: Path, port: int, ready: Any) -> None:
    """An emulator that records, as a process of its own."""
    make_app = server.make_app
    server.make_app = lambda state, hosts: Recorder(make_app(state, hosts), file)  # type: ignore[assignment,return-value]
    server.run(folder, port=port, routes={}, whole_images=False, on_ready=lambda _: ready.set(), until=None)


@contextmanager
def recording_emulator(folder: Path, file: Path) -> Iterator[running.Running]:
    """An emulator whose requests go to `file` as well."""
    context = get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_serve, args=(folder, file, 0, ready))
    process.start()
    try:
        assert ready.wait(60)
        found = running.find(folder)
        assert found is not None
        yield found
    finally:
        process.terminate()
        process.join()


def main(clients: list[str]) -> None:
    """Each client's recording is written anew."""
    for client in clients or CLIENTS:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            (place / "home").mkdir()
            with recording_emulator(place / "state", place / "requests.jsonl") as emulator:
                _tell(client, partial(shell_in_front_of, emulator, folder=place / "home"))
            recorded = (place / "requests.jsonl").read_bytes()
        (RECORDINGS / f"{client}.jsonl").write_bytes(recorded)
        sys.stdout.write(f"{client}: {len(recorded.splitlines())} requests\n")


def _tell(client: str, shell_of: Callable[[str], Shell]) -> None:
    if client == "gcloud":
        gcloud(shell_of)
    else:
        STORIES[client](shell_of("owner"))


if __name__ == "__main__":
    asked = argparse.ArgumentParser(prog="scripts/record-clients", description=__doc__)
    asked.add_argument("client", nargs="*", metavar="CLIENT", choices=CLIENTS, help=", ".join(CLIENTS))
    main(asked.parse_args().client)
