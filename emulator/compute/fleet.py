"""The VMs that run in this process, each with a launcher of its own."""

from __future__ import annotations

from threading import Lock

from ..address import Address
from ..cloud_logging import entry_writer
from ..state import State
from ..verifier import Verifier
from ..vm import sandbox
from ..vm.exit_codes import ExitCode
from ..vm.launcher import Launch, Machine

_REBOOT_DELAY_S = 120.0


class Fleet:
    """The VMs that run in this process. `stop` ends them all, and comes before the process's own end."""

    def __init__(
        self,
        state: State,
        verifier: Verifier,
        address: Address,
        *,
        kind: sandbox.Kind | None = None,
        reboot_delay_s: float = _REBOOT_DELAY_S,
    ) -> None:
        self._state = state
        self.verifier = verifier
        self._address = address
        self._kind = kind
        self._reboot_delay_s = reboot_delay_s
        self._launches: dict[str, Launch] = {}
        self._changing = Lock()  # a launcher's thread says how it ended while a request changes labels
        self.instances = state.collection("compute.instances")
        for key, instance in self.instances.items():
            if instance["status"] != "TERMINATED":  # it ran when an earlier emulator ended
                self.instances.put(key, {**instance, "status": "TERMINATED"})

    def boot(self, key: str, machine: Machine) -> None:
        """The instance of that key runs."""
        kind = self._kind or sandbox.best_kind()
        self._update(key, status="RUNNING", sandbox=kind)
        launch = Launch(
            self._state,
            self.verifier,
            self._address,
            machine,
            kind=kind,
            on_end=lambda code, status: self._ended(key, code, status),
            reboot_delay_s=self._reboot_delay_s,
            send=entry_writer(self._state, machine.identity),
        )
        self._launches[key] = launch
        launch.start()

    def switch_off(self, key: str) -> None:
        """The instance of that key does not run; waits for its workload."""
        launch = self._launches.pop(key, None)
        if launch is not None:
            launch.stop()

    def stop(self) -> None:
        """No instance runs."""
        for key in list(self._launches):
            self.switch_off(key)

    def _ended(self, key: str, code: ExitCode, workload_status: int | None) -> None:
        status = "RUNNING" if code is ExitCode.HOLD else "TERMINATED"
        self._update(key, status=status, launcherExitCode=int(code), workloadExitCode=workload_status)

    def change(self, key: str, **fields: object) -> None:
        """The instance of that key, if it is still there, is shown with these fields."""
        with self._changing:
            instance = self.instances.get(key)
            if instance is not None:
                self.instances.put(key, {**instance, **fields})

    def _update(self, key: str, *, status: str, **facts: object) -> None:
        with self._changing:
            instance = self.instances.get(key)
            if instance is not None:
                ours = {**instance["symbolonEmulator"], **facts}
                self.instances.put(key, {**instance, "status": status, "symbolonEmulator": ours})
