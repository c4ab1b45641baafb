"""Whole jobs of the workload in front of the emulator, as the launcher runs them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from google.cloud import storage
from google.oauth2.credentials import Credentials
from starlette.applications import Starlette

from contract.results import JobError, parse_error
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project
from deploy.provisioning import ensure
from deploy.resources import Bucket, Grant, operator_of, owner_of
from emulator import running
from emulator.background import served, unix_listener
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import metadata, teeserver
from policy.launch_claims import LaunchFacts
from tests.launches import DIGEST
from tests.workload.samples import FACTS, picture, sha256, terms_text

ROOT = Path(__file__).parents[2]
MAPPING = {
    "google.subject": "assertion.submods.gce.instance_id",
    "attribute.image_digest": "assertion.submods.container.image_digest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that has ended: its status, its log lines, and what is in the operator's result folder."""

    status: int
    lines: list[dict[str, Any]]
    errors: str
    written: dict[str, str]

    @property
    def error(self) -> JobError:
        return parse_error(self.written["error.json"])


class Stage:
    """An owner whose model and policy are in place, and an operator with buckets."""

    def __init__(self, emulator: running.Running, folder: Path, model: bytes) -> None:
        self.emulator = emulator
        self.folder = folder
        self.model = model
        self.verifier = Verifier(State(emulator.folder, clock=time.time))
        owner = self.owner_api = self._api("owner")
        self.owner = owner_of(look_up_project(owner, "primus"))
        self.provider = self.owner.provider(
            mapping=MAPPING,
            condition=f"assertion.submods.container.image_digest == '{DIGEST}'",
            allowed_audiences=("https://sts.googleapis.com", f"https:{self.owner.audience}"),
        )
        account, bucket = self.owner.service_account, self.owner.model_bucket
        admitted = self.owner.pool.image_member(DIGEST)
        for resource in (
            account,
            bucket,
            Grant(on=bucket, role="roles/storage.objectViewer", member=account.member),
            self.owner.pool,
            self.provider,
            Grant(on=account, role="roles/iam.workloadIdentityUser", member=admitted),
        ):
            ensure(owner, resource)
        self.models = self._storage("owner", "primus").bucket(bucket.name)
        self.operator = self._storage("operator", "secundus")
        operator = self._api("operator")
        project = look_up_project(operator, "secundus")
        photos, results = (
            Bucket(project=project, name=f"{kind}-of-secundus", location="us-west1")
            for kind in ("photos", "results")
        )
        theirs = replace(operator_of(project), input_bucket=photos, result_bucket=results)
        for each in theirs.foundation():
            ensure(operator, each)
        self.service_account = theirs.workload_account.email
        self.photos, self.results = self.operator.bucket(photos.name), self.operator.bucket(results.name)
        self.photos.delete_blobs(list(self.photos.list_blobs()))  # another module's, on the same emulator
        self.photos.blob("one/cat.png").upload_from_string(picture())
        self._jobs = 0

    def job(self, **overrides: Any) -> Job:
        self._jobs += 1
        return Job(stage=self, name=f"{self.folder.name}-{self._jobs}", **overrides)

    def metadata_server(self) -> Starlette:
        """What the VM's own service account is asked of."""
        return metadata.make_app(
            State(self.emulator.folder, clock=time.time),
            metadata.InstanceIdentity(
                project_id=FACTS.project_id,
                project_number=FACTS.project_number,
                zone=FACTS.zone,
                name=FACTS.instance_name,
                instance_id=FACTS.instance_id,
                machine_type="n2d-standard-2",
                service_account=self.service_account,
                service_account_id="1",
                scopes=(CLOUD_PLATFORM,),
                attributes={},
            ),
        )

    def _credentials(self, party: str) -> Credentials:
        file = str(self.emulator.credentials_file(party))
        return Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call, no-any-return]

    def _api(self, party: str) -> GoogleApi:
        return GoogleApi(self._credentials(party), sleep=lambda _: None)

    def _storage(self, party: str, project: str) -> storage.Client:
        return storage.Client(project=project, credentials=self._credentials(party))


@dataclass(kw_only=True)
class Job:
    """One job to come: a sound one, but for what a test changes."""

    stage: Stage
    name: str
    model: bytes | None = None
    uploaded: bytes | None = None
    facts: LaunchFacts = FACTS
    token: str | None = None
    socket: bool = True
    edit: Callable[[str], str] = str
    environment: dict[str, str] | None = None
    tensorflow: bool = False
    metadata: bool = True
    root: bytes | None = None
    hasty: bool = False
    """With the patience of a test: `tests/workload/hasty.py`."""
    call_s: float = 2.0
    clock_ahead_s: int = 0
    before: tuple[str, ...] = ()
    """What starts the program: a command that has it as its arguments."""

    @property
    def result_uri(self) -> str:
        return f"gs://{self.stage.results.name}/{self.name}/"

    def run(self) -> Ended:
        """The job has ended."""
        with self.started() as process:
            output, errors = process.communicate(timeout=120)
        return self.ended(process.returncode, output, errors)

    def ended(self, status: int, output: str, errors: str) -> Ended:
        return Ended(
            status=status,
            lines=[json.loads(line) for line in output.splitlines()],
            errors=errors,
            written={
                blob.name.removeprefix(f"{self.name}/"): blob.download_as_text()
                for blob in self.stage.operator.list_blobs(self.stage.results, prefix=f"{self.name}/")
            },
        )

    @property
    def scratch(self) -> Path:
        """What the program has for memory."""
        return self.stage.folder / self.name / "scratch"

    @property
    def socket_file(self) -> Path:
        return self.stage.folder / self.name / "launcher" / "teeserver.sock"

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        app, launcher = self._unpack_image(), self.stage.folder / self.name / "launcher"
        launcher.mkdir(exist_ok=True)
        if self.token is not None:
            (launcher / "attestation_verifier_claims_token").write_text(self.token)
        with ExitStack() as stack:
            if self.socket:
                listener = unix_listener(launcher / "teeserver.sock", mode=0o777)
                stack.enter_context(served(teeserver.make_app(self.stage.verifier, self.facts), listener))
            listener = socket.create_server(("127.0.0.1", 0))
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            if self.metadata:
                stack.enter_context(served(self.stage.metadata_server(), listener))
            else:
                listener.close()
            bare, hasty = (str(ROOT / file) for file in ("emulator/vm/bare.py", "tests/workload/hasty.py"))
            started_by = [hasty, str(self.clock_ahead_s), str(self.call_s), bare] if self.hasty else [bare]
            command = [*self.before, sys.executable, "-P", *started_by, str(launcher), "workload"]
            process = subprocess.Popen(
                command, cwd=app, env=self._environment(host), text=True, stdout=-1, stderr=-1
            )
            try:
                yield process
            finally:
                process.kill()
                process.communicate()

    def _unpack_image(self) -> Path:
        """`/app` of the image: our own two packages, and the owner's terms."""
        app = self.stage.folder / self.name / "app"
        if app.exists():
            return app  # of an earlier start of the same job
        app.mkdir(parents=True)
        for room in ("attestation", "contract", "workload"):
            (app / room).symlink_to(ROOT / room)
        if not self.tensorflow:
            (app / "tensorflow").mkdir()
            (app / "tensorflow" / "__init__.py").write_text("raise AssertionError('nor its Python')\n")
            (app / "tensorflow" / "libtensorflow_cc.so.2").write_text("a refused job needs no TensorFlow")
        model = self.stage.model if self.model is None else self.model
        self.stage.models.blob(f"{self.name}.tar.gz").upload_from_string(self.uploaded or model)
        terms = terms_text(sha256=sha256(model))
        terms = terms.replace("primus-models/model.tar.gz", f"{self.stage.models.name}/{self.name}.tar.gz")
        for line in terms.splitlines():
            if line.startswith("audience"):
                terms = terms.replace(line, f'audience = "{self.stage.owner.audience}"')
        terms = terms.replace("reader@primus.iam.gserviceaccount.com", self.stage.owner.service_account.email)
        (app / "terms.toml").write_text(self.edit(terms))
        root = self.stage.verifier.root.public_bytes(Encoding.PEM)
        (app / "root.pem").write_bytes(root if self.root is None else self.root)
        return app

    def _environment(self, metadata_host: str) -> dict[str, str]:
        self.scratch.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.scratch),
            "GCE_METADATA_HOST": metadata_host,
            "GCE_METADATA_IP": metadata_host,
            **self.stage.emulator.env,
            "INPUT_URI": f"gs://{self.stage.photos.name}/one",
            "RESULT_URI": self.result_uri,
            **(self.environment or {}),
        }
