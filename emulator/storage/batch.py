"""Batch requests: many calls about metadata in one `multipart/mixed`, which `client.batch()` sends.

Source: Cloud Storage documentation, "Batch requests".
"""

from __future__ import annotations

from email.message import Message as MimeMessage
from email.parser import BytesParser
from email.policy import HTTP

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from .errors import invalid

_MOST_CALLS = 100
_BOUNDARY = "batch_symbolon_emulator"


async def batch(request: Request, app: ASGIApp) -> Response:
    """Every call's answer, in the calls' order; each is made with the credentials of the batch.

    Raises:
        GoogleError: 400 where the body is not a batch of at most 100 calls.
    """
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode("latin-1")
    body = BytesParser().parsebytes(head + await request.body())
    parts = body.get_payload()
    if not isinstance(parts, list) or not 1 <= len(parts) <= _MOST_CALLS:
        raise invalid("A batch holds between 1 and 100 calls.")
    answers = b""
    for part in parts:
        assert isinstance(part, MimeMessage)  # noqa: S101  which is what the parser makes
        status, headers, content = await _call(app, request.scope, part.get_payload(decode=True))
        answers += (
            f"--{_BOUNDARY}\r\ncontent-type: application/http\r\n"
            f"content-id: <response-{str(part.get('content-id', '')).strip('<>')}>\r\n\r\n"
            f"HTTP/1.1 {status} \r\ncontent-type: {headers}\r\ncontent-length: {len(content)}\r\n\r\n"
        ).encode("latin-1", "replace")
        answers += content + b"\r\n"
    answers += f"--{_BOUNDARY}--\r\n".encode()
    return Response(answers, media_type=f"multipart/mixed; boundary={_BOUNDARY}")


async def _call(app: ASGIApp, outer: Scope, payload: object) -> tuple[int, str, bytes]:
    """Status, content type and body of one call, made as if it had come by itself.

    Raises:
        GoogleError: 400 where the part is not an HTTP request.
    """
    line, _, rest = (payload if isinstance(payload, bytes) else b"").lstrip().partition(b"\n")
    try:
        method, target, _ = line.decode("ascii").split()
    except ValueError:
        raise invalid("A part of the batch is not an HTTP request.") from None
    inner = BytesParser(policy=HTTP).parsebytes(rest)
    content = inner.get_payload(decode=True)
    path, _, query = target.removeprefix("https://storage.googleapis.com").partition("?")
    headers = [(b"host", b"storage.googleapis.com")]
    headers += [(name, value) for name, value in outer["headers"] if name == b"authorization"]
    headers += [(b"content-type", str(inner.get("content-type", "application/json")).encode("latin-1"))]
    scope = {
        **outer,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content if isinstance(content, bytes) else b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    answered = dict(sent[0]["headers"])
    return sent[0]["status"], answered.get(b"content-type", b"text/plain").decode("latin-1"), body
