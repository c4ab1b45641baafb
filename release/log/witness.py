"""A witness is asked to cosign: the client of C2SP's `add-checkpoint`.

    old 20852014
    (the consistency proof, a digest a line)

    (the checkpoint)

It answers with its lines for the note, or with how far it has seen the log, where that is not `old`.

Source: C2SP, tlog-witness.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import requests
import urllib3

from attestation.errors import EvidenceRejected, Misconfigured, quoted
from contract.canonical import parse_decimal
from contract.cosignature import verify_cosignature
from contract.release_refusals import REFUSALS, BrokerRefused
from contract.signed_note import Note, NoteKey, NoteSignature, parse_note, parse_signatures

from .timed_session import TimedSession

_PATH = "/add-checkpoint"
_SIZE_TYPE = "text/x.tlog.size"
_MOST_BYTES = 64 << 10
_CONNECT_S: Final = 5.0
ANSWER_S: Final = 10.0
"""A witness has so many seconds for its whole answer, from when it is asked: a release waits for it."""
_WHY: Final = {
    400: "it does not read what it was sent",
    403: "it knows the log by another key",
    404: "it does not know the log",
    422: "it has seen another log than the one in this database",
}
_LOOK: Final = {
    403: "give its operator the log's key that `symbolon broker status` prints",
    404: "give its operator the log's key that `symbolon broker status` prints",
    422: "if the database was restored, restore a newer backup, or begin a new epoch",
}


class WitnessHasSeen(Exception):
    """The witness has seen the log up to another size than it was told."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class WitnessClient:
    """A witness by the URL that it takes checkpoints at, and its key. One thread at a time asks it.

    Raises:
        Misconfigured: the URL is none that a checkpoint may be sent to.
    """

    def __init__(self, url: str, key: NoteKey, *, answer_s: float = ANSWER_S) -> None:
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
            raise Misconfigured(
                f"the witness's URL {quoted(url)} is not `https://…`", hint="write its submission prefix"
            )
        self.key = key
        self._url = url.rstrip("/") + _PATH
        self._answer_s = answer_s
        self._session = TimedSession()

    def add_checkpoint(
        self, checkpoint: str, *, old: int, proof: Sequence[bytes]
    ) -> tuple[NoteSignature, ...]:
        """The witness's lines below `checkpoint`, each verified.

        Raises:
            WitnessHasSeen: it has seen the log up to another size than `old`.
            BrokerRefused: `broker-not-ready`: it does not answer, or does not cosign.
        """
        body = render_add_checkpoint(checkpoint, old=old, proof=proof)
        try:
            with (
                self._session.within(self._answer_s),
                self._session.post(
                    self._url,
                    data=body,
                    headers={"Content-Type": "text/plain; charset=utf-8"},
                    timeout=(min(_CONNECT_S, self._answer_s), self._answer_s),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                said = response.raw.read(_MOST_BYTES, decode_content=True)
                status, kind = response.status_code, response.headers.get("Content-Type", "")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise self._refusal("it does not answer") from None
        if status == 409 and kind.partition(";")[0].strip() == _SIZE_TYPE:
            raise WitnessHasSeen(self._size(said))
        if status != 200:
            raise self._refusal(_WHY.get(status, f"it answers {status}"), _LOOK.get(status, ""))
        return self._lines(parse_note(checkpoint), said)

    def _size(self, said: bytes) -> int:
        try:
            text = said.decode("ascii")
            if not text.endswith("\n"):
                raise ValueError
            return parse_decimal(text[:-1])
        except ValueError:
            raise self._refusal("it says no size that the log could have") from None

    def _lines(self, note: Note, said: bytes) -> tuple[NoteSignature, ...]:
        """Those lines of its answer that are its own; what somebody else's key signs is passed over."""
        try:
            own = tuple(
                line
                for line in parse_signatures(said.decode("utf-8"))
                if (line.name, line.key_id) == (self.key.name, self.key.key_id)
            )
            verify_cosignature(Note(text=note.text, signatures=own), self.key)
        except (EvidenceRejected, UnicodeDecodeError):
            raise self._refusal(
                "what it answers is not its cosignature", "compare its key with the one that is configured"
            ) from None
        return own

    def _refusal(self, why: str, hint: str = "") -> BrokerRefused:
        return REFUSALS["broker-not-ready"].error(
            f"the witness {quoted(self.key.name)} does not cosign: {why}", hint
        )


def render_add_checkpoint(checkpoint: str, *, old: int, proof: Sequence[bytes]) -> bytes:
    """The body of the call.

    >>> render_add_checkpoint("origin…", old=0, proof=()).decode()
    'old 0\\n\\norigin…'
    """
    lines = "".join(f"{base64.b64encode(each).decode()}\n" for each in proof)
    return f"old {old}\n{lines}\n{checkpoint}".encode()
