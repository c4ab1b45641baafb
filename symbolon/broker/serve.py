"""`symbolon broker serve`: the broker answers, until it is asked to stop."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sqlalchemy import Engine

from attestation.errors import ExitCode
from contract.cosignature import parse_witness_key
from release.bodies import Room
from release.broker import Broker
from release.event_log import EventLog
from release.folder import Folder, Keys, open_folder, open_keys, serving_alone, token_rules
from release.health import look
from release.log.publishing import Publisher
from release.log.restoring import KeptFile
from release.log.witness import WitnessClient
from release.making import host_of
from release.metrics import Metrics
from release.restored import WholeLog, name_copy
from release.server import Service
from release.serving import listen, working
from release.serving import serve as serve_until_stopped
from release.settings import Settings
from release.store.engine import opened
from release.tls import pin_of_key, self_signed, server_context

from ..rendering import console, print_json
from .database import answering
from .passphrase import passphrase_from
from .privately import privately


def serve(path: Path, *, address: str | None, passphrase_file: Path | None, output: str) -> ExitCode:
    """One line says when and where it is ready; then it answers until Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        NotABroker: the folder is none's.
        PassphraseWrong, MasterKeyMalformed: the master key does not open.
        AddressTaken: another process listens there.
        FolderInUse, DatabaseInUse, DatabaseNotDurable, MigrationMissing: see there.
        Misconfigured: a file of the folder is missing, or another one than the settings say.
        BrokerRefused, Unavailable, Denied: the database or Cloud KMS does not answer, or does not let us.
    """
    with privately():
        return _serve(path, address=address, passphrase_file=passphrase_file, output=output)


def _serve(path: Path, *, address: str | None, passphrase_file: Path | None, output: str) -> ExitCode:
    folder = open_folder(path)
    settings = folder.settings
    keys = open_keys(folder, passphrase_from(passphrase_file))
    rules = token_rules(folder)
    certificate = self_signed(keys.tls, host=host_of(settings.broker.url), now=time.time())
    context = server_context(certificate, keys.tls)
    with (
        serving_alone(folder),
        answering(folder),
        opened(folder.database) as engine,
        listen(address or settings.broker.address) as listener,
        working(settings.broker.workers) as threads,
    ):
        host, port = listener.getsockname()[:2]
        service = Service(
            broker=Broker(
                engine=engine,
                identity=keys.identity,
                intake=keys.intake,
                master=keys.master,
                tokens=rules,
                log=_log(folder, engine, keys),
            ),
            workers=threads.calls,
            owners=threads.owners,
            looking=threads.looking,
            room=Room(),
            metrics=Metrics(),
            log=EventLog(sys.stderr, clock=time.time),
            clock=time.time,
        )
        health = look(service.broker)  # which signs the checkpoint of what there is
        if not health.is_ready:
            service.log.write("not-ready", **health.checks, reason=health.reason)
        serve_until_stopped(
            service,
            listener,
            context,
            on_ready=lambda: _tell(settings, keys, service.broker, f"{host}:{port}", output=output),
        )
    return ExitCode.YES


def _log(folder: Folder, engine: Engine, keys: Keys) -> WholeLog:
    """What signs the log's checkpoints, has them cosigned, and keeps the last one apart."""
    named = folder.settings.witness
    witness = None if named is None else WitnessClient(named.url, parse_witness_key(named.verifier_key))
    kept = KeptFile(folder.kept)
    name_copy(engine)
    return WholeLog(Publisher(engine, keys.identity, witness=witness, kept=kept), engine)


def _tell(settings: Settings, keys: Keys, broker: Broker, address: str, *, output: str) -> None:
    pins = [pin_of_key(keys.tls), settings.tls.next_pin]
    bare = [pin.removeprefix("sha256:") for pin in pins]
    if output == "json":
        print_json({"ready": True, "address": address, "broker": broker.digest, "pins": bare})
    else:
        console().print(
            f"ready: {settings.broker.url} at {address}, broker {broker.digest}, pins {bare[0]} {bare[1]}"
        )
    sys.stdout.flush()
