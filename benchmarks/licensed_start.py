"""How much later a job has its first row where a broker releases the model's key, not Cloud KMS.

    python -m benchmarks.licensed_start [--rounds N]

The program of the image runs as the launcher runs it, in front of the emulator, on one picture, in turn with
a model whose key the emulator's Cloud KMS unwraps and with the same one whose key a broker releases: one that
`symbolon broker init` made and `symbolon broker serve` serves, reached through the emulator's gateway. Each
licensed run is a release of its own, counted and logged before its key leaves.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.serialization import Encoding

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.licence import sign_licence
from contract.model_keys import render_model_key, seal_model_key
from contract.release_terms import ReleaseTerms
from contract.terms import parse_terms, render_terms
from emulator import running
from tests.kms_keys import Keys
from tests.launches import DIGEST
from tests.release.brokers import MODEL_ID, OWNER, licence_of, policy_text
from tests.release.served import Served, make_served
from tests.sealed_models import sealed
from tests.workload.canaries import KEY
from tests.workload.jobs import Job, Stage
from tests.workload.launching import verifier_of
from tests.workload.sealed_stage import sealed_job

from .launched import find_timings
from .models import ARCHIVE, make_saved_model
from .processes import compile_rooms
from .work import ModelFacts, Work, terms_of

MOST_LATER_S = 0.3
ROUNDS = 7
_HOST = "broker.primus.example"
_PIXELS = 128
_CONDITION = f"assertion.submods.container.image_digest == '{DIGEST}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Medians, in seconds from the program's start: the first row by each, and of the pairs' difference."""

    kms_s: float
    broker_s: float
    later_s: float


def measure(rounds: int) -> Found:
    """So many pairs of jobs, after one pair that counts for nothing."""
    with _there() as (stage, broker, licence):
        key = Keys(api=stage.owner_api, ring="benchmark").new(stage.owner.pool.image_member(DIGEST))
        pairs = [
            (
                _first_row(sealed_job(stage, key, edit=_terms)),
                _first_row(_licensed_job(stage, broker, licence)),
            )
            for _ in range(rounds + 1)
        ][1:]
    return Found(
        kms_s=statistics.median(kms for kms, _ in pairs),
        broker_s=statistics.median(ours for _, ours in pairs),
        later_s=statistics.median(ours - kms for kms, ours in pairs),
    )


@contextmanager
def _there() -> Iterator[tuple[Stage, Served, str]]:
    with ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
        found.close()
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-benchmark-")))
        emulator = running.start(folder / "emulator", routes={_HOST: port})
        opened.callback(emulator.stop)
        opened.enter_context(patch.dict(os.environ, emulator.env))
        root = folder / "emulator.pem"
        root.write_bytes(verifier_of(emulator).root.public_bytes(Encoding.PEM))
        broker = make_served(folder, arguments=("--emulator", str(root), "--address", f"127.0.0.1:{port}"))
        broker.start()
        opened.callback(broker.stop)
        compile_rooms()
        (folder / "jobs").mkdir()
        stage = Stage(emulator, folder / "jobs", (make_saved_model(_PIXELS) / ARCHIVE).read_bytes())
        yield stage, broker, _sell(stage, broker)


def _sell(stage: Stage, broker: Served) -> str:
    """The broker has the model's key and a licence without bounds; the licence's name."""
    it, now = sealed(stage.model, key=KEY.encode()), int(time.time())
    broker.order("policy", policy_text(_CONDITION))
    intake = bytes.fromhex(str(broker.query("state")["intake"]))
    handed = seal_model_key(
        it.key, intake=intake, broker=broker.digest, manifest=it.digest, model_id=MODEL_ID, version=1
    )
    broker.order("model", render_model_key(handed))
    licence = licence_of(images=(DIGEST,), starts_at=now - 60, issued_at=now)
    broker.order("licence", sign_licence(licence, OWNER))
    return licence.id


def _terms(text: str) -> str:
    """The terms that fit the model, and start soonest."""
    work = Work(model=ModelFacts(folder="", pixels=_PIXELS), folder="", runtime="openvino")
    given = parse_terms(text)
    return render_terms(replace(terms_of(work), model=given.model, credential=given.credential))


def _licensed_job(stage: Stage, broker: Served, licence: str) -> Job:
    it = sealed(stage.model, key=KEY.encode())
    release = ReleaseTerms(
        manifest=it.digest,
        broker=f"https://{_HOST}",
        broker_key=broker.key.text,
        broker_pins=tuple(Digest(f"sha256:{pin}") for pin in broker.pins),
    )

    def edit(text: str) -> str:
        terms = parse_terms(_terms(text))
        stage.models.blob(f"{terms.model.uri.name}.manifest.json").upload_from_string(it.manifest)
        return render_terms(replace(terms, release=release))

    return stage.job(uploaded=it.stream, edit=edit, environment={"LICENCE": licence}, hasty=True)


def _first_row(job: Job) -> float:
    """Seconds from the program's start to its first row."""
    ended = job.run()
    if ended.status != ExitCode.YES:
        raise SystemExit(f"the workload ends with {ended.status}: {ended.lines[-3:]}")
    return find_timings("\n".join(map(json.dumps, ended.lines))).moments["first_row"]


def render(found: Found) -> str:
    """The report for people: the figure with its bound."""
    return (
        f"first row   {found.kms_s:.2f} s by Cloud KMS, {found.broker_s:.2f} s by a broker:"
        f" {found.later_s:+.2f} s, at most {MOST_LATER_S:+.1f}"
    )


def main() -> int:
    """The figures stand on standard output; the exit code is 3 where one is beyond its bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    print(json.dumps(asdict(found)) if arguments.format == "json" else render(found))
    return ExitCode.YES if found.later_s <= MOST_LATER_S else ExitCode.ANSWERED_NO


if __name__ == "__main__":
    raise SystemExit(main())
