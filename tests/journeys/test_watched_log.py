"""A broker that a witness and an auditor watch: its log is verified from outside, and taken back by nobody.

The broker is a process, the auditor types the command, and the witness speaks C2SP's protocol.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.checkpoint import origin_of, unsafe_read_checkpoint, verify_logged
from contract.cosignature import verify_cosignature
from contract.licence import sign_licence
from contract.signed_note import NOTE, note_key, parse_note, render_verifier_key
from tests.release.brokers import OWNER
from tests.release.log.witness_server import WITNESS, Witness, witnessing
from tests.release.served import Served, make_served

ROOT = Path(__file__).parents[2]
WITNESS_KEY = render_verifier_key(WITNESS)


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as started:
        yield started


@pytest.fixture
def served(tmp_path: Path, witness: Witness) -> Iterator[Served]:
    made = make_served(tmp_path, arguments=("--witness", witness.url, "--witness-key", WITNESS_KEY))
    witness.know(render_verifier_key(note_key(origin_of(made.digest), NOTE, made.key.key)))  # type: ignore[arg-type]
    made.start()
    yield made
    if made.process is not None:
        made.stop()


def audited(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    """`symbolon auditor log …` of that broker, as an auditor with the terms types it."""
    host, port = served.address
    pins = [word for pin in served.pins for word in ("--pin", pin)]
    verb, *more = words
    return subprocess.run(
        [
            *(sys.executable, "-m", "symbolon", "auditor", "log", verb, f"https://{host}:{port}"),
            *("--key", served.key.text, *pins, *more),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_log_is_watched_and_nothing_of_it_is_taken_back(
    served: Served, witness: Witness, tmp_path: Path
) -> None:
    kept, licence_file = tmp_path / "kept", tmp_path / "licence.json"
    licence = served.sell(runs=10)
    licence_file.write_bytes(sign_licence(licence, OWNER))
    _, _, released = served.release()
    checkpoint = verify_logged(released.logged, served.key)
    verify_cosignature(parse_note(released.logged.checkpoint), WITNESS)

    first = audited(served, "verify", "--witness", WITNESS_KEY, "--checkpoint", str(kept))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "entries  1 released, 3 ordered" in first.stdout
    assert unsafe_read_checkpoint(kept.read_text("utf-8")).size >= checkpoint.size

    found = audited(served, "find", "--secret-of", str(licence_file), "--format", "json")
    assert [each["kind"] for each in json.loads(found.stdout)["found"]] == ["order", "release"]

    witness.broken = (503, "text/plain", b"")
    status, refusal = served.call("POST", "/v1/release", served.ask()[2])
    assert status == 503 and json.loads(refusal)["error"]["code"] == "broker-not-ready"
    witness.broken = None

    served.stop()
    database = served.folder / "broker.sqlite3"
    shutil.copy(database, tmp_path / "backup")
    served.start()
    served.release()
    served.release()
    assert audited(served, "verify", "--checkpoint", str(kept)).returncode == 0
    seen = unsafe_read_checkpoint(kept.read_text("utf-8"))

    served.stop()
    for file in served.folder.glob("broker.sqlite3*"):
        if not file.name.endswith(".broker"):
            file.unlink()
    shutil.copy(tmp_path / "backup", database)
    served.start()
    status, refusal = served.call("POST", "/v1/release", served.ask()[2])
    assert status == 503 and "it was restored" in json.loads(refusal)["error"]["message"]
    cut = audited(served, "verify", "--checkpoint", str(kept))
    assert cut.returncode == 4
    assert cut.stdout.startswith("REJECTED  log-cut: ")
    assert unsafe_read_checkpoint(kept.read_text("utf-8")) == seen
