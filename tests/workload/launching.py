"""A machine of the platform around this very process: the launcher's socket, and the root in the image."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from emulator import running
from emulator.background import served, unix_listener
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import teeserver
from policy.launch_claims import LaunchFacts
from workload import container
from workload.part_tokens import Machine, learn_machine


@contextmanager
def launched(verifier: Verifier, facts: LaunchFacts, folder: Path) -> Iterator[Machine]:
    """Within the block this process is the workload of that launch."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root.pem"
    root.write_bytes(verifier.root.public_bytes(Encoding.PEM))
    listener = unix_listener(folder / "teeserver.sock", mode=0o600)
    with served(teeserver.make_app(verifier, facts), listener), pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "TEESERVER_SOCKET", folder / "teeserver.sock")
        patch.setattr(container, "ROOT_FILE", root)
        yield learn_machine()


def verifier_of(emulator: running.Running) -> Verifier:
    return Verifier(State(emulator.folder, clock=time.time))
