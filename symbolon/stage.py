"""Where the story plays: an emulator, and two parties in front of it with production clients."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from google.cloud import storage
from google.oauth2.credentials import Credentials

from attestation.errors import Unavailable
from attestation.issuer import ISSUER
from attestation.tokens import parse_token
from attestation.verification import VerifiedClaims, verify_oidc_token
from deploy.confidential_vm import CLOUD_PLATFORM, ConfidentialVm, launch, serial_output
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project
from deploy.resources import Project
from emulator import running
from emulator.running import Running

from .platform_root import published_document, published_root

_DEFAULT_TOKEN_AUDIENCE = "https://sts.googleapis.com"  # noqa: S105  of the launcher's token file
_TOKEN_FILE = "container_launcher/attestation_verifier_claims_token"  # noqa: S105
_POLL_S = 0.1
_LONGEST_RUN_S = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody with a project, and the clients that speak for them."""

    project: Project
    api: GoogleApi
    storage: storage.Client

    def upload(self, bucket: str, name: str, file: Path) -> None:
        """The party's bucket has the file under `name`."""
        self.storage.bucket(bucket).blob(name).upload_from_filename(str(file))

    def objects(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """The objects of the party's bucket by name after `prefix`."""
        blobs = self.storage.list_blobs(bucket, prefix=prefix)
        return {blob.name.removeprefix(prefix): blob.download_as_bytes() for blob in blobs}


@dataclass(frozen=True, slots=True, kw_only=True)
class VmRun:
    """A confidential VM whose workload has ended, and what it said of its failure."""

    exit_code: int | None
    code: str
    words: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The emulator, its state in `folder`, and the two parties."""

    folder: Path
    emulator: Running
    owner: Party
    operator: Party

    def run(self, vm: ConfidentialVm) -> VmRun:
        """The operator launches the VM and waits until its workload has ended.

        Raises:
            Unavailable: it has not ended within three minutes.
        """
        api = self.operator.api
        launch(api, vm)
        give_up_at = time.monotonic() + _LONGEST_RUN_S
        while True:
            # A debug VM never switches itself off, so its status does not say that it is done.
            if "launcherExitCode" in self._facts(vm):
                return self.ended(vm)
            if time.monotonic() > give_up_at:
                raise Unavailable(f"`{vm.name}` still runs after {_LONGEST_RUN_S} s")
            time.sleep(_POLL_S)

    def ended(self, vm: ConfidentialVm) -> VmRun:
        """How the workload of that VM came out, which has ended."""
        log, _ = serial_output(self.operator.api, vm)
        error = _last_error(log)
        return VmRun(
            exit_code=self._facts(vm).get("workloadExitCode"),
            code=str(error.get("code", "")),
            words=str(error.get("message", "")),
            hint=str(error.get("hint", "")),
        )

    def _facts(self, vm: ConfidentialVm) -> Mapping[str, Any]:
        found = self.operator.api.call("GET", vm.url, doing=f"watching `{vm.name}`")
        facts: Mapping[str, Any] = found["symbolonEmulator"]
        return facts

    def claims_of(self, vm: ConfidentialVm) -> VerifiedClaims:
        """What the verifier signed of the VM, verified with the verifier's published keys.

        Raises:
            EvidenceRejected: it is not what it claims to be.
            Unavailable: the VM's launcher ended before it had one.
        """
        folder = self.emulator.folder / "instances" / vm.project_id / vm.name
        try:
            token = (folder / _TOKEN_FILE).read_text("ascii")
        except FileNotFoundError:
            log, _ = serial_output(self.operator.api, vm)
            raise Unavailable(
                f"the launcher of `{vm.name}` ended without a token", hint=log.strip().rpartition("\n")[2]
            ) from None
        return verify_oidc_token(
            parse_token(token),
            jwks=_published_keys(),
            audiences=[_DEFAULT_TOKEN_AUDIENCE],
            now=time.time(),
        )

    @property
    def root(self) -> x509.Certificate:
        """The root that the verifier publishes."""
        return x509.load_pem_x509_certificate(published_root())

    @contextmanager
    def signed_in(self, party: str) -> Iterator[None]:
        """Within the block Google's libraries find the credentials of `party`, as in that party's shell."""
        file = str(self.emulator.credentials_file(party))
        with _environment({"GOOGLE_APPLICATION_CREDENTIALS": file}):
            yield

    def keep_results(self, bucket: str, prefix: str) -> Path:
        """A folder of the stage has the operator's objects below `prefix`."""
        folder = self.folder / "results"
        folder.mkdir(exist_ok=True)
        for name, data in self.operator.objects(bucket, prefix).items():
            (folder / name).write_bytes(data)
        return folder

    def keep(self, name: str, text: str) -> None:
        """The stage's folder has a file that somebody may want to look at."""
        (self.folder / name).write_text(text, encoding="utf-8")


@contextmanager
def raised(
    folder: Path, *, whole_images: bool = False, routes: Mapping[str, int] | None = None
) -> Iterator[Stage]:
    """A stage in `folder`; within the block this process reaches the emulator instead of Google.

    `whole_images`: a workload runs by runc, from its image's own root file system.
    `routes`: a host's name → the port of this machine that answers for it.
    """
    emulator = running.start(folder / "emulator", whole_images=whole_images, routes=routes)
    try:
        with _environment(emulator.env):
            stage = Stage(
                folder=folder,
                emulator=emulator,
                owner=_party(emulator, "owner", project_id="primus"),
                operator=_party(emulator, "operator", project_id="secundus"),
            )
            stage.keep("jwks.json", json.dumps(_published_keys(), indent=2) + "\n")
            stage.keep("root.pem", published_root().decode())
            yield stage
    finally:
        emulator.stop()


def _party(emulator: Running, name: str, *, project_id: str) -> Party:
    credentials = Credentials.from_authorized_user_file(  # type: ignore[no-untyped-call]
        str(emulator.credentials_file(name)), scopes=[CLOUD_PLATFORM]
    )
    api = GoogleApi(credentials, sleep=lambda delay_s: time.sleep(min(delay_s, _POLL_S)))
    return Party(
        project=look_up_project(api, project_id),
        api=api,
        storage=storage.Client(project=project_id, credentials=credentials),
    )


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _published_keys() -> dict[str, Any]:
    """The verifier's key set, found as anybody finds it."""
    return published_document(published_document(f"{ISSUER}/.well-known/openid-configuration")["jwks_uri"])


def _last_error(log: str) -> Mapping[str, object]:
    """The workload's structured line that says why it failed, among the launcher's lines; or nothing."""
    for line in reversed(log.splitlines()):
        if line.startswith("{"):
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.get("severity") == "ERROR":
                return entry
    return {}
