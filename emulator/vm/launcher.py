"""The Confidential Space launcher of one VM: pull, check, measure, attest, run, and what follows the end.

The order, the sentences and the exit codes are the real launcher's. Simplified: nothing is
measured into a vTPM, the facts go to the verifier directly; image signatures, exposed ports,
added capabilities and namespaced cgroups are accepted where the policy allows them, and ignored;
a reboot starts the same thread again.

Source: google/go-tpm-tools, launcher/launcher/main.go and launcher/container_runner.go;
Confidential Space documentation, "Return codes".
"""

from __future__ import annotations

import shutil
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread, Timer

from policy.go_text import print_strings
from policy.launch_claims import HardwareModel, LaunchFacts
from policy.launch_spec import LaunchRefused, LaunchSpec, parse_launch_spec, unknown_keys
from policy.launching import LaunchMachine, measure_launch

from ..access_tokens import mint_access_token
from ..address import Address
from ..background import served, unix_listener
from ..faults import take_killed
from ..state import State
from ..verifier import Verifier
from . import metadata, sandbox, teeserver
from .attesting import check_may_attest
from .exit_codes import MEANING, ExitCode, WorkloadFailed, exit_code_of
from .launcher_log import LauncherLog, Send
from .registry_client import Image, pull
from .serial_log import SerialLog
from .token_file import TokenFile
from .workload_output import REDIRECTED, redirected

_SERVICE = "confidentialcomputing.googleapis.com"
_METHOD = "google.cloud.confidentialcomputing.v1.ConfidentialComputing.VerifyAttestation"
_STOP_GRACE_S = 10
_KILL_AFTER_S = 1
_BUILD = "symbolon-emulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The VM that was booted. `debug`: from the debug image, where nothing is hardened."""

    identity: metadata.InstanceIdentity
    hardware: HardwareModel
    debug: bool
    secure_boot: bool
    gpu: bool
    memory_kb: int
    folder: Path


class Launch:
    """One VM's launcher, on a thread of its own from `start` until it ends or is stopped.

    `send` is told each entry for Cloud Logging.
    `on_end` is told the exit code of the launcher, and the workload's status if it ran. The real
    VM waits two minutes before it reboots; `reboot_delay_s` is an argument for those who cannot.
    """

    def __init__(
        self,
        state: State,
        verifier: Verifier,
        address: Address,
        machine: Machine,
        *,
        kind: sandbox.Kind,
        on_end: Callable[[ExitCode, int | None], None],
        reboot_delay_s: float,
        send: Send = lambda _severity, _payload: None,
    ) -> None:
        self._state = state
        self._verifier = verifier
        self._address = address
        self._machine = machine
        self._kind = kind
        self._on_end = on_end
        self._reboot_delay_s = reboot_delay_s
        self._stopping = Event()
        self._process: sandbox.Process | None = None
        self._status: int | None = None
        self._ended = False
        self._thread = Thread(target=self._run, name=f"launcher of {machine.identity.name}", daemon=True)
        self._send = send
        self.serial = SerialLog(machine.folder / "serial.log")
        self._log = LauncherLog(self.serial, state.clock, send)

    def start(self) -> None:
        """The VM boots."""
        self._thread.start()

    def stop(self) -> None:
        """The VM is off: the workload got SIGTERM, and ten seconds."""
        self._stopping.set()
        if self._process is not None:
            self._process.stop()
        self._thread.join(_STOP_GRACE_S)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
        self._thread.join()

    def _run(self) -> None:
        code = ExitCode.FAILURE
        try:
            with self._metadata_server() as endpoint:
                while True:
                    with ExitStack() as services:
                        code = self._boot_or_say_why(endpoint, services)
                        if code is not ExitCode.REBOOT:
                            self._end(code)  # now: its servers take a moment to close
                            return
                    if self._stopping.wait(self._reboot_delay_s):
                        return
        finally:
            self._end(code)

    def _boot_or_say_why(self, endpoint: sandbox.MetadataEndpoint, services: ExitStack) -> ExitCode:
        """What follows the boot. Where the launcher itself fails, its log says so, and the VM is off."""
        try:
            return self._boot(endpoint, services)
        except Exception as error:  # noqa: BLE001  the outermost place of this thread
            reason = getattr(error, "strerror", None) or type(error).__name__
            self._log.error(f"symbolon emulator: the launcher failed: {reason}")
            traceback.print_exception(error)  # in emulator.log
            return self._say_exit(ExitCode.FAILURE)

    def _end(self, code: ExitCode) -> None:
        """`on_end` has been told, once."""
        if not self._ended:
            self._ended = True
            self._on_end(code, self._status)

    @contextmanager
    def _metadata_server(self) -> Iterator[sandbox.MetadataEndpoint]:
        app = metadata.make_app(self._state, self._machine.identity)
        path, port = self._machine.folder / "metadata.sock", 0
        if self._kind != "bare":
            listener = unix_listener(path, mode=0o600)
        else:
            listener = socket.create_server(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        with served(app, listener):
            yield sandbox.MetadataEndpoint(socket=path, port=port)

    def _boot(self, endpoint: sandbox.MetadataEndpoint, services: ExitStack) -> ExitCode:
        self._status = None
        log, attributes = self._log, self._machine.identity.attributes
        log.info("TEE container launcher initiating", build_commit=_BUILD)
        log.info(_describe_sandbox(self._kind))
        for key in unknown_keys(attributes):
            log.info(f"symbolon emulator: the launcher does not know `{key}` and ignores it; is it misspelt?")
        try:
            spec = parse_launch_spec(
                attributes, free_memory_kb=self._machine.memory_kb, has_gpu=self._machine.gpu
            )
        except LaunchRefused as error:
            log.error(f"failed to get launchspec, make sure you're running inside a GCE VM: {error}")
            self._record(refused=error)
            return self._say_exit(ExitCode.FAILURE)
        failure: Exception | None = None
        began = self._state.clock()
        try:
            self._launch(spec, endpoint, services)
        except (LaunchRefused, WorkloadFailed) as error:
            failure = error
            log.error(str(error))
            if isinstance(error, LaunchRefused):
                self._record(refused=error)
        took_s = self._state.clock() - began
        log.info("Workload completed", workload=spec.image_reference, workload_execution_sec=took_s)
        code = exit_code_of(debug=self._machine.debug, restart_policy=spec.restart_policy, failure=failure)
        return self._say_exit(code)

    def _say_exit(self, code: ExitCode) -> ExitCode:
        self._log.info("TEE container launcher exiting", exit_code=int(code), exit_msg=MEANING[code])
        return code

    def _launch(self, spec: LaunchSpec, endpoint: sandbox.MetadataEndpoint, services: ExitStack) -> None:
        folder = self._machine.folder
        whole = self._kind == "runc"
        files = folder / ("root" if whole else "app")
        shutil.rmtree(files, ignore_errors=True)
        image = pull(
            spec.image_reference,
            token=self._access_token(),
            address=self._address,
            files=files,
            whole=whole,
        )
        self._say_image(spec, image)
        facts = measure_launch(spec, image, self._launch_machine())
        launcher_folder = folder / "container_launcher"
        launcher_folder.mkdir(exist_ok=True)
        container = sandbox.Container(
            args=facts.args,
            env=facts.env,
            working_folder=image.working_folder,
            user=image.user,
            hostname=facts.instance_name,
            files=files,
            launcher_folder=launcher_folder,
            scratch=folder,
            dev_shm_bytes=spec.dev_shm_size_kb * 1024,
            mounts=spec.mounts,
        )
        self._attest(spec, facts, container, services)
        self._record(facts=facts)
        self._run_workload(spec, container, endpoint)

    def _record(self, *, facts: LaunchFacts | None = None, refused: LaunchRefused | None = None) -> None:
        """The audit log has the decision: what was attested of the launch, or why it was refused."""
        identity = self._machine.identity
        detail: dict[str, object] = {"reason": str(refused)} if refused is not None else {}
        if facts is not None:
            detail = {"image_digest": facts.image_digest, "image_reference": facts.image_reference}
        self._state.audit.record(
            service=_SERVICE,
            method=_METHOD,
            principal=identity.service_account,
            resource=f"projects/{identity.project_id}/zones/{identity.zone}/instances/{identity.name}",
            granted=refused is None,
            detail=detail,
        )

    def _access_token(self) -> str:
        identity = self._machine.identity
        return mint_access_token(
            self._state,
            name=identity.service_account,
            members=frozenset({f"serviceAccount:{identity.service_account}"}),
            scopes=frozenset(identity.scopes),
            lifetime_s=3599,
        )

    def _say_image(self, spec: LaunchSpec, image: Image) -> None:
        self._log.info(
            "Preparing Container Runner",
            operator_input_image_ref=spec.image_reference,
            image_digest=image.digest,
            operator_override_env_vars=[f"{name}=[REDACTED]" for name, _ in spec.envs],
            operator_override_cmd=list(spec.cmd),
        )
        labels = (f"{key}:{value}" for key, value in sorted(image.labels.items()))
        self._log.info(f"Image Labels               : map{print_strings(labels)}\n")
        self._log.info("Retrieved image config", image_id=image.image_id)

    def _launch_machine(self) -> LaunchMachine:
        machine, identity = self._machine, self._machine.identity
        return LaunchMachine(
            project_id=identity.project_id,
            project_number=identity.project_number,
            zone=identity.zone,
            instance_name=identity.name,
            instance_id=identity.instance_id,
            service_account=identity.service_account,
            hardware=machine.hardware,
            debug=machine.debug,
            secure_boot=machine.secure_boot,
            gpu=machine.gpu,
        )

    def _attest(
        self, spec: LaunchSpec, facts: LaunchFacts, container: sandbox.Container, services: ExitStack
    ) -> None:
        """The container has its first token, and will have the ones after it; or asks for each."""
        check_may_attest(self._state, self._machine.identity, spec.impersonate_service_accounts)
        token_file = TokenFile(container.launcher_folder, lambda: self._verifier.mint(facts))
        wait_s = 0.0
        if not spec.disable_refresh:
            self._log.info("refreshing attestation verifier OIDC token")
            wait_s = token_file.refresh()
        listener = unix_listener(container.launcher_folder / "teeserver.sock", mode=0o777)
        services.enter_context(served(teeserver.make_app(self._verifier, facts), listener))
        ended = Event()
        services.callback(ended.set)
        if not spec.disable_refresh:
            Thread(target=token_file.keep_fresh, args=(wait_s, ended), daemon=True).start()

    def _run_workload(
        self, spec: LaunchSpec, container: sandbox.Container, endpoint: sandbox.MetadataEndpoint
    ) -> None:
        if self._kind == "bare" and (reason := sandbox.why_not_bare(container)):
            raise LaunchRefused(f"symbolon emulator: the workload cannot run bare: {reason}")
        self._log.info(REDIRECTED[spec.log_redirect])
        with redirected(spec.log_redirect, self.serial.write, self._send) as (output, errors):
            process = sandbox.start(
                self._kind, container, address=self._address, metadata=endpoint, output=output, errors=errors
            )
            self._process = process
            began = self._state.clock()
            self._log.info("workload task started")
            if self._stopping.is_set():
                process.stop()
            if take_killed(self._state.folder):
                Timer(_KILL_AFTER_S, process.kill).start()
            self._status = process.wait()
            self._process = None
        took_s = self._state.clock() - began
        if self._status != 0:
            self._log.error("workload task ended and returned non-zero", workload_execution_sec=took_s)
            raise WorkloadFailed("workload finished with a non-zero return code")
        self._log.info("workload task ended and returned 0", workload_execution_sec=took_s)


def _describe_sandbox(kind: sandbox.Kind) -> str:
    if kind == "bubblewrap":
        return "symbolon emulator: the workload runs in bubblewrap: no network, no home, read-only base layer"
    if kind == "runc":
        return "symbolon emulator: the workload runs by runc from its image's own root: no network, read-only"
    reason = sandbox.why_not_bubblewrap() or "as was asked"
    return f"symbolon emulator: the workload runs bare ({reason}): the proxy is its way out, nothing holds it"
