"""The owner's broker, as the story has it: the model is sold by the run, and each release is on record.

The broker is a process of its own, made and served by the command, and reached by its production name: the
emulator's gateway routes it. The owner orders as from their desk, by a key that a passphrase locks.
"""

from __future__ import annotations

import io
import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from attestation.digests import Digest, digest_of
from attestation.errors import Unavailable
from contract.terms import OwnerTerms, parse_terms, render_terms
from contract.uris import ObjectUri
from deploy.confidential_vm import ConfidentialVm

from .. import whole_files
from ..auditor.log_checks import LogDemand, verify_log
from ..auditor.log_sources import open_log
from ..brokers import NamedBroker
from ..owner import licence_selling, workplace
from ..owner.approving import make_order
from ..owner.desk import Desk, open_desk
from ..owner.licence_selling import Bounds
from ..owner.on_stage import ask, publish
from ..owner.order_bodies import policy_body
from ..owner.protect import Seal, protect
from ..owner.signing_keys import new_key, read_public_key
from ..stage import Stage
from ..steps import Steps
from .cast import Cast
from .documents import owner_terms
from .events import Prepared, Recorded

HOST = "broker.primus.example"
RUNS = 3
_PREFIX = "by-the-run-"
_MODEL = "model-by-the-run.tar.gz"
_STARTING_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Licensed:
    """The cast of an image whose model a broker opens, the owner at the broker's desk, and the licence."""

    cast: Cast
    desk: Desk
    named: NamedBroker
    licence: str
    kept: str
    """The log's checkpoint as the auditor had it before anything was released."""

    def vm(self, name: str) -> ConfidentialVm:
        """A VM as the owner means it, by the licence."""
        vm = self.cast.vm(name)
        return replace(vm, environment={**vm.environment, "LICENCE": self.licence})

    def renew(self, runs: int) -> None:
        """The licence has so many runs in all."""
        with redirect_stdout(io.StringIO()):
            licence_selling.renew(
                self.desk,
                self.licence,
                Bounds(runs=runs),
                reinstate=False,
                folder=self.cast.stage.folder,
                output="human",
            )

    def revoke(self) -> None:
        """Nothing is released by it any more."""
        with redirect_stdout(io.StringIO()):
            licence_selling.revoke(self.desk, self.licence, output="human")

    def recorded(self) -> Recorded:
        """What an auditor finds in the log, from outside."""
        broker = self.desk.broker
        with open_log(broker.url, pins=broker.pins) as source:
            verdict = verify_log(source, LogDemand(key=broker.key, kept=self.kept, witness=None))
        return Recorded(
            verified=verdict.why is None,
            entries=0 if verdict.checkpoint is None else verdict.checkpoint.size,
            released=verdict.kinds["release"],
            why="" if verdict.why is None else verdict.why.message,
        )


def free_port() -> int:
    """A port of this machine that nobody listened at just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(stage: Stage, *, port: int) -> Iterator[NamedBroker]:
    """The owner's broker answers, which believes the stage's platform; what its owner needs to order."""
    from release.making import Order, make_folder

    from ..broker.database import prepare as prepare_database

    folder, key = stage.folder / "broker", stage.folder / "owner" / "owner-key.pem"
    passphrase_file = stage.folder / "owner" / "passphrase"
    passphrase_file.parent.mkdir(exist_ok=True)
    passphrase = secrets.token_hex(16)
    whole_files.write(passphrase_file.parent, {passphrase_file.name: f"{passphrase}\n"})
    passphrase_file.chmod(0o600)
    with redirect_stdout(io.StringIO()):
        new_key(key, kind="ed25519", passphrase_file=passphrase_file, output="human")
    made = make_folder(
        folder,
        Order(
            url=f"https://{HOST}",
            address=f"127.0.0.1:{port}",
            database=None,
            kms=None,
            owner_keys=(read_public_key(key),),
            threshold=1,
            mode="emulator",
            root=(stage.folder / "root.pem").read_bytes(),
            passphrase=passphrase,
        ),
    )
    prepare_database(made)
    command = [sys.executable, "-P", "-m", "symbolon", "broker", "serve", str(folder), "--format", "json"]
    with (stage.folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--passphrase-file", str(passphrase_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process)
        yield NamedBroker(broker=str(folder), owner_key=key, passphrase_file=passphrase_file)
    finally:
        process.terminate()
        process.wait(_STARTING_S)
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    """The broker has said that it serves.

    Raises:
        Unavailable: it has ended.
    """
    said = b""
    assert process.stdout is not None  # noqa: S101  for mypy: it is piped
    for line in process.stdout:
        said += line
        try:
            json.loads(said)
        except ValueError:
            continue
        return
    raise Unavailable("the broker ended while it started", hint="broker.log says why: `--keep DIR`")


def license_it(cast: Cast, archive: Path, named: NamedBroker) -> Generator[Prepared, None, Licensed]:
    """The owner seals the model for the broker, publishes an image for it, and sells three runs of it."""
    desk = open_desk(named)
    terms = _sealed(cast, archive, named)
    image = publish(cast.stage, cast.stage.owner, cast.owner.repository, terms=terms)
    digest = Digest(image.rpartition("@")[2])
    policy = ask(cast.stage, cast.owner, cast.operator, digest, prefix=_PREFIX)
    with redirect_stdout(io.StringIO()):
        make_order(
            desk,
            "policy",
            lambda _: policy_body(str(cast.stage.folder / f"{_PREFIX}policy.toml")),
            file=None,
            send=True,
            plan=False,
            yes=True,
            output="human",
        )
        licence = secrets.token_hex(16)
        licence_selling.issue(
            desk,
            Bounds(
                model_id=terms.model.uri.name,
                accounts=(cast.operator.workload_account.email,),
                images=(digest,),
                runs=RUNS,
            ),
            id_=licence,
            folder=cast.stage.folder,
            output="human",
        )
    yield Prepared(
        party="owner",
        what=f"a broker, which has the model's key; an image that asks it; a licence of {RUNS} runs",
    )
    return Licensed(
        cast=replace(cast, terms=terms, image=image, policy=policy),
        desk=desk,
        named=named,
        licence=licence,
        kept=_checkpoint(desk),
    )


def _sealed(cast: Cast, archive: Path, named: NamedBroker) -> OwnerTerms:
    """The model lies sealed under another name, and the broker has its key; the terms, with what pins it."""
    folder = cast.stage.folder / f"{_PREFIX}owner"
    terms = owner_terms(cast.owner, digest_of(archive.read_bytes()))
    uri = ObjectUri(bucket=terms.model.uri.bucket, name=_MODEL)
    terms = replace(terms, model=replace(terms.model, uri=uri))
    here = workplace.render_here(folder, archive, None)
    whole_files.write(folder, {workplace.TERMS: render_terms(terms), workplace.HERE: here})
    with cast.stage.signed_in("owner"), redirect_stdout(io.StringIO()):
        protect(folder, Seal(broker=named), plan=False, output="human", steps=Steps())
    return parse_terms((folder / workplace.TERMS).read_text(encoding="utf-8"))


def _checkpoint(desk: Desk) -> str:
    with open_log(desk.broker.url, pins=desk.broker.pins) as source:
        data = source.read("checkpoint", most_bytes=1 << 16)
    if data is None:
        raise Unavailable("the broker shows no checkpoint of its log")
    return data.decode()
