"""compute.googleapis.com: instances that boot the Confidential Space image, and their operations.

An operation is done as soon as it is asked for again; the VM boots meanwhile. An instance says
under `symbolonEmulator`, which no real one has, how its workload is held and how it ended.
Absent: stopping, starting and changing an instance, disks, networks, and every other image.

Source: Compute Engine API reference v1, `instances`, `zoneOperations`; seen error answers.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller, require_caller
from ..address import Address
from ..bodies import json_of
from ..errors import GoogleError, render_storage_error
from ..iam.authorization import permissions_of, project_of
from ..iam.service_accounts import find_service_account, policies_of
from ..state import Document, State
from ..verifier import Verifier
from ..vm import sandbox
from ..vm.launcher import ExitCode, Launch, Machine
from ..vm.metadata import InstanceIdentity
from ..vm.serial_log import SerialLog
from .instance_requests import InstanceRequest, parse_instance_request

_SERVICE = "compute.googleapis.com"
_ROOT = "https://www.googleapis.com/compute/v1"
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

    def _update(self, key: str, *, status: str, **facts: object) -> None:
        instance = self.instances.get(key)
        if instance is not None:
            ours = {**instance["symbolonEmulator"], **facts}
            self.instances.put(key, {**instance, "status": status, "symbolonEmulator": ours})


def routes(state: State, fleet: Fleet) -> list[BaseRoute]:
    """`/compute/v1/projects/…/zones/…/instances` and `…/operations`."""
    operations = state.collection("compute.operations")

    async def insert(request: Request) -> Response:
        caller, project = require_caller(state, request), _project(state, request)
        zone = request.path_params["zone"]
        wanted = parse_instance_request(await json_of(request), zone=zone)
        key = f"projects/{project['projectId']}/zones/{zone}/instances/{wanted.name}"
        _require(state, caller, "compute.instances.create", key, project)
        request_id = request.query_params.get("requestId", "")
        for _, operation in operations.items():
            if request_id and operation.get("clientOperationId") == request_id:
                return JSONResponse(operation)
        _require_new(fleet, key)
        account = _acted_as(state, caller, wanted.service_account)
        identity = _identity(project, zone, wanted, account)
        fleet.instances.put(key, _render(key, wanted, identity, now=state.clock()))
        folder = _folder(state, key)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        fleet.boot(key, _machine(identity, wanted, folder))
        operation = _operation(state, caller, "insert", key, identity.instance_id, request_id)
        operations.put(operation["name"], operation)
        return JSONResponse({**operation, "status": "RUNNING", "progress": 0})

    def found(request: Request, permission: str) -> tuple[Caller, str, Document]:
        caller, project = require_caller(state, request), _project(state, request)
        path = request.path_params
        key = f"projects/{project['projectId']}/zones/{path['zone']}/instances/{path['instance']}"
        _require(state, caller, permission, key, project)
        instance = fleet.instances.get(key)
        if instance is None:
            raise _not_found(key)
        return caller, key, instance

    async def get(request: Request) -> Response:
        return JSONResponse(found(request, "compute.instances.get")[2])

    async def list_all(request: Request) -> Response:
        caller, project = require_caller(state, request), _project(state, request)
        zone = f"projects/{project['projectId']}/zones/{request.path_params['zone']}"
        _require(state, caller, "compute.instances.list", zone, project)
        items = [item for key, item in fleet.instances.items() if key.startswith(f"{zone}/instances/")]
        body = {
            "kind": "compute#instanceList",
            "id": f"{zone}/instances",
            "selfLink": f"{_ROOT}/{zone}/instances",
        }
        return JSONResponse({**body, "items": items} if items else body)

    async def delete(request: Request) -> Response:
        caller, key, instance = found(request, "compute.instances.delete")
        await asyncio.to_thread(fleet.switch_off, key)
        if key in fleet.instances:
            fleet.instances.delete(key)
        await asyncio.to_thread(shutil.rmtree, _folder(state, key), ignore_errors=True)
        operation = _operation(state, caller, "delete", key, instance["id"], "")
        operations.put(operation["name"], operation)
        return JSONResponse({**operation, "status": "RUNNING", "progress": 0})

    async def serial_port(request: Request) -> Response:
        _, key, instance = found(request, "compute.instances.getSerialPortOutput")
        text_start = request.query_params.get("start", "0")
        if not (text_start.isascii() and text_start.isdigit()):
            raise GoogleError(400, f"Invalid value for field 'start': '{text_start[:40]}'.", reason="invalid")
        port = request.query_params.get("port", "1")
        log = SerialLog(_folder(state, key) / "serial.log", state.clock)
        start, text, end = log.read(int(text_start)) if port == "1" else (0, "", 0)
        return JSONResponse(
            {
                "kind": "compute#serialPortOutput",
                "selfLink": instance["selfLink"] + "/serialPort",
                "contents": text,
                "start": str(start),
                "next": str(end),
            }
        )

    async def operation(request: Request) -> Response:
        caller, project = require_caller(state, request), _project(state, request)
        document = operations.get(request.path_params["operation"])
        zone = f"projects/{project['projectId']}/zones/{request.path_params['zone']}"
        if document is None or document["zone"] != f"{_ROOT}/{zone}" or document["user"] != caller.name:
            raise _not_found(f"{zone}/operations/{request.path_params['operation']}")
        return JSONResponse(document)

    zone = "/compute/v1/projects/{project}/zones/{zone}"
    return [
        Route(zone + "/instances", _answering(insert), methods=["POST"]),
        Route(zone + "/instances", _answering(list_all), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(get), methods=["GET"]),
        Route(zone + "/instances/{instance}", _answering(delete), methods=["DELETE"]),
        Route(zone + "/instances/{instance}/serialPort", _answering(serial_port), methods=["GET"]),
        Route(zone + "/operations/{operation}", _answering(operation), methods=["GET"]),
        Route(zone + "/operations/{operation}/wait", _answering(operation), methods=["POST"]),
    ]


def _answering(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Compute Engine has the older shape of errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GoogleError as error:
            return render_storage_error(error)

    return answer


def _require_new(fleet: Fleet, key: str) -> None:
    """No instance of the project has that name: here, unlike at Google, in no other zone either.

    Raises:
        GoogleError: 409.
    """
    project, name = key.split("/")[1], key.rpartition("/")[2]
    for other, _ in fleet.instances.items():
        if other.split("/")[1] == project and other.rpartition("/")[2] == name:
            raise GoogleError(409, f"The resource '{other}' already exists", reason="alreadyExists")


def _project(state: State, request: Request) -> Document:
    return project_of(state, request.path_params["project"])


def _require(state: State, caller: Caller, permission: str, key: str, project: Document) -> None:
    """The caller holds `permission` in the project, and the audit log says whether.

    Raises:
        GoogleError: 403 in Compute Engine's own words.
    """
    granted = permission in permissions_of(caller, [project["policy"]])
    _record(state, caller, permission, key, granted=granted)
    if not granted:
        raise GoogleError(403, f"Required '{permission}' permission for '{key}'", reason="forbidden")


def _acted_as(state: State, caller: Caller, email: str) -> Document:
    """The service account that the VM will be, which the caller may act as.

    Raises:
        GoogleError: 400; Google does not tell an absent account from a forbidden one.
    """
    account = find_service_account(state, email)
    permission = "iam.serviceAccounts.actAs"
    granted = account is not None and permission in permissions_of(caller, policies_of(state, account))
    _record(state, caller, permission, f"serviceAccounts/{email}", granted=granted)
    if account is None or not granted:
        raise GoogleError(
            400,
            f"The user does not have access to service account '{email}'.  User: '{caller.name}'.  "
            "Ask a project owner to grant you the iam.serviceAccountUser role on the service account",
            reason="badRequest",
        )
    return account


def _record(state: State, caller: Caller, permission: str, resource: str, *, granted: bool) -> None:
    state.audit.record(
        service=_SERVICE,
        method=permission.removeprefix("compute."),
        principal=caller.name,
        resource=resource,
        granted=granted,
        detail={"permission": permission},
    )


def _identity(project: Document, zone: str, wanted: InstanceRequest, account: Document) -> InstanceIdentity:
    return InstanceIdentity(
        project_id=project["projectId"],
        project_number=project["projectNumber"],
        zone=zone,
        name=wanted.name,
        instance_id=str(10**18 + secrets.randbelow(8 * 10**18)),
        machine_type=wanted.machine_type,
        service_account=account["email"],
        service_account_id=account["uniqueId"],
        scopes=wanted.scopes,
        attributes=wanted.metadata,
    )


def _machine(identity: InstanceIdentity, wanted: InstanceRequest, folder: Path) -> Machine:
    return Machine(
        identity=identity,
        hardware=wanted.hardware,
        debug=wanted.debug,
        secure_boot=wanted.secure_boot,
        gpu=wanted.gpu,
        memory_kb=wanted.memory_kb,
        folder=folder,
    )


def _folder(state: State, key: str) -> Path:
    _, project, _, _, _, name = key.split("/")
    return state.folder / "instances" / project / name


def _render(key: str, wanted: InstanceRequest, identity: InstanceIdentity, *, now: float) -> Document:
    zone = f"{_ROOT}/projects/{identity.project_id}/zones/{identity.zone}"
    return {
        "kind": "compute#instance",
        "id": identity.instance_id,
        "creationTimestamp": _time(now),
        "name": identity.name,
        "machineType": f"{zone}/machineTypes/{identity.machine_type}",
        "status": "PROVISIONING",
        "zone": zone,
        "selfLink": f"{_ROOT}/{key}",
        "metadata": {
            "kind": "compute#metadata",
            "items": [{"key": name, "value": value} for name, value in identity.attributes.items()],
        },
        "serviceAccounts": [{"email": identity.service_account, "scopes": list(identity.scopes)}],
        "scheduling": {"onHostMaintenance": "TERMINATE", "automaticRestart": True, "preemptible": False},
        "shieldedInstanceConfig": {"enableSecureBoot": wanted.secure_boot, "enableVtpm": True},
        "confidentialInstanceConfig": {
            "enableConfidentialCompute": wanted.confidential_type == "SEV",
            "confidentialInstanceType": wanted.confidential_type,
        },
        "symbolonEmulator": {},
    }


def _operation(
    state: State, caller: Caller, kind: str, key: str, instance_id: str, request_id: str
) -> Document:
    zone = f"{_ROOT}/{key.rpartition('/instances/')[0]}"
    name = f"operation-{int(state.clock() * 1000)}-{secrets.token_hex(6)}-{secrets.token_hex(4)}"
    time = _time(state.clock())
    operation: Document = {
        "kind": "compute#operation",
        "id": str(10**18 + secrets.randbelow(8 * 10**18)),
        "name": name,
        "zone": zone,
        "operationType": kind,
        "targetLink": f"{_ROOT}/{key}",
        "targetId": instance_id,
        "status": "DONE",
        "user": caller.name,
        "progress": 100,
        "insertTime": time,
        "startTime": time,
        "endTime": time,
        "selfLink": f"{zone}/operations/{name}",
    }
    return {**operation, "clientOperationId": request_id} if request_id else operation


def _not_found(name: str) -> GoogleError:
    return GoogleError(404, f"The resource '{name}' was not found", reason="notFound")


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
