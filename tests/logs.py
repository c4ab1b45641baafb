"""A broker's log as a folder of files, and what a dishonest one would show in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.checkpoint import Checkpoint, broker_of, origin_of, sign_checkpoint
from contract.cosignature import cosign
from contract.dsse import public_key_of
from contract.log_tiles import TILE_WIDTH, render_bundle, render_tile_path, tiles_of
from contract.merkle import leaf_digest, root_of
from contract.release_log import Kind, Opening, make_entry, render_entry
from contract.signed_note import (
    COSIGNATURE,
    note_key,
    parse_note,
    render_signature,
    render_verifier_key,
)

IDENTITY: Final = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
KEY: Final = public_key_of(IDENTITY).text
STRANGER: Final = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
WITNESS_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_NAME: Final = "witness.example/w1"
WITNESS: Final = render_verifier_key(note_key(WITNESS_NAME, COSIGNATURE, WITNESS_KEY))
AT: Final = 1_800_000_000
SECRETS: Final = (b"1" * 32, b"2" * 32)


def leaf(number: int, kind: Kind = "release") -> bytes:
    """The entry with that number; those of even numbers are the first secret's."""
    opening = Opening(
        kind=kind,
        at=AT + number,
        said={"licence": str(number % 2) * 32, "pictures": str(number)},
        salt=number.to_bytes(32, "big"),
    )
    return render_entry(make_entry(opening, SECRETS[number % 2]))


@dataclass(frozen=True, kw_only=True)
class Log:
    """What a log shows. `shown` and `digests_shown` are what lies there in place of what was signed."""

    leaves: Sequence[bytes]
    epoch: int = 0
    key: Ed25519PrivateKey = IDENTITY
    broker: Ed25519PrivateKey = IDENTITY
    witnessed: bool = False
    shown: Sequence[bytes] | None = None
    digests_shown: Callable[[bytes], bytes] = field(default=lambda digest: digest)

    @property
    def checkpoint(self) -> str:
        """The text that is signed, and cosigned where it is `witnessed`."""
        text = sign_checkpoint(
            Checkpoint(
                origin=origin_of(broker_of(self.broker), self.epoch),
                size=len(self.leaves),
                root=root_of(self.leaves),
            ),
            self.key,
        )
        if not self.witnessed:
            return text
        line = cosign(parse_note(text).text, name=WITNESS_NAME, key=WITNESS_KEY, at=AT + 60)
        return text + render_signature(line)

    def write(self, folder: Path) -> Path:
        """The folder has the log's files."""
        shown = list(self.leaves if self.shown is None else self.shown)
        _put(folder / "checkpoint", self.checkpoint.encode())
        for tile in tiles_of(len(self.leaves)):
            _put(folder / render_tile_path(tile), render_bundle(shown[tile.begin : tile.end]))
        nodes = [leaf_digest(each) for each in shown]
        level = 0
        while nodes:
            for tile in tiles_of(len(self.leaves), level=level):
                digests = map(self.digests_shown, nodes[tile.begin : tile.end])
                _put(folder / render_tile_path(tile), b"".join(digests))
            span = TILE_WIDTH ** (level + 1)
            full = range(0, len(shown) - span + 1, span)
            nodes = [root_of(shown[begin : begin + span]) for begin in full]
            level += 1
        return folder


def log_of(size: int, **changes: object) -> Log:
    """An honest log of that many entries, with something changed."""
    return replace(Log(leaves=[leaf(number) for number in range(size)]), **changes)  # type: ignore[arg-type]


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
