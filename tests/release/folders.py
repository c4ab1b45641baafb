"""A broker's folder with keys that cost nothing to open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from contract.dsse import public_key_of
from release.folder import Folder
from release.making import Order, make_folder
from release.master_key.sealed_file import Cost
from tests.release.brokers import OWNER, root

PASSPHRASE: Final = "a sentence for tests"
CHEAP: Final = Cost(n=2, r=8, p=1)


def order(**changes: Any) -> Order:
    """A broker on SQLite, which believes the tests' platform."""
    wanted: dict[str, Any] = {
        "url": "https://broker.primus.example",
        "address": "127.0.0.1:0",
        "database": None,
        "kms": None,
        "owner_keys": (public_key_of(OWNER),),
        "threshold": 1,
        "mode": "emulator",
        "root": root().public_bytes(Encoding.PEM),
        "passphrase": PASSPHRASE,
        "cost": CHEAP,
    }
    return Order(**(wanted | changes))


def folder_in(parent: Path, **changes: Any) -> Folder:
    return make_folder(parent / "broker", order(**changes))
