"""Confidential Space VMs as resources: who may make, change and delete which, and what is kept of them.

A VM that is stopped can be started again: what it was made from is kept beside it. Metadata that is
changed while it runs is read when it starts the next time.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..access_tokens import Caller
from ..errors import GoogleError
from ..iam.authorization import bytes_of_etag, permissions_of, project_of
from ..iam.service_accounts import default_account_of, find_service_account, policies_of
from ..places import ZONES
from ..state import Document, State
from ..vm.launcher import Machine
from ..vm.metadata import InstanceIdentity
from ..vm.serial_log import SerialLog
from .fleet import Fleet
from .instance_requests import InstanceRequest, parse_instance_request, parse_labels, parse_metadata
from .operations import Operations
from .rendering import fingerprint_of, render_instance, render_metadata, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One zone of one project."""

    project: Document
    name: str

    @property
    def key(self) -> str:
        return f"projects/{self.project['projectId']}/zones/{self.name}"

    def instance(self, name: str) -> str:
        """The key of the instance of that name."""
        return f"{self.key}/instances/{name}"


class Instances:
    """All instances of all projects. Every method asks first whether `caller` may.

    Each raises `GoogleError`: 403 where the caller may not, 404 where there is no such thing.
    """

    def __init__(self, state: State, fleet: Fleet) -> None:
        self._state = state
        self._fleet = fleet
        self._operations = Operations(state)
        self._requests = state.collection("compute.requests")

    def zone(self, project: str, name: str) -> Zone:
        """The zone of the project of that ID or number."""
        project_document = project_of(self._state, project)
        if name not in ZONES:
            raise GoogleError(
                400, f"Invalid value for field 'zone': '{name[:60]}'. Unknown zone.", reason="invalid"
            )
        return Zone(project=project_document, name=name)

    def insert(self, caller: Caller, zone: Zone, body: Document, *, request_id: str) -> Document:
        """The VM boots; the operation. A request that comes again with its ID makes nothing new.

        Raises:
            GoogleError: 409 where the name is taken; 400 where the caller may not act as the account, or
                for the first thing that is wrong with the request.
        """
        wanted = self._parse(zone, body)
        key = zone.instance(wanted.name)
        self._require(caller, "compute.instances.create", key, zone)
        if operation := self._operations.begun("insert", key, caller, request_id):
            return operation
        self._require_new(key)
        account = self._acted_as(caller, wanted.service_account)
        identity = _identity(zone, wanted, account)
        self._requests.put(key, body)
        self._fleet.instances.put(key, render_instance(key, wanted, identity, now=self._state.clock()))
        folder = self._folder(key)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self._fleet.boot(key, _machine(identity, wanted, folder))
        return self._operations.begin("insert", key, identity.instance_id, caller, request_id=request_id)

    def get(self, caller: Caller, zone: Zone, name: str) -> Document:
        """The instance as the API shows it."""
        return self._found(caller, zone, name, "compute.instances.get")

    def list_all(self, caller: Caller, zone: Zone) -> list[tuple[str, Document]]:
        """Every instance of the zone, by its key."""
        self._require(caller, "compute.instances.list", zone.key, zone)
        place = zone.instance("")
        return [each for each in self._fleet.instances.items() if each[0].startswith(place)]

    def list_in_project(self, caller: Caller, project: str) -> list[tuple[str, Document]]:
        """Every instance of the project, by its key: in the order of their zones."""
        document = project_of(self._state, project)
        place = f"projects/{document['projectId']}/"
        self._require(caller, "compute.instances.list", place[:-1], Zone(project=document, name="-"))
        return [each for each in self._fleet.instances.items() if each[0].startswith(place)]

    def stop(self, caller: Caller, zone: Zone, name: str, *, request_id: str = "") -> Document:
        """The VM is off, and still there; the operation. Waits for its workload."""
        key, instance = zone.instance(name), self._found(caller, zone, name, "compute.instances.stop")
        if operation := self._operations.begun("stop", key, caller, request_id):
            return operation
        self._fleet.switch_off(key)
        self._fleet.change(key, status="TERMINATED", lastStopTimestamp=time_of(self._state.clock()))
        return self._operations.begin("stop", key, instance["id"], caller, request_id=request_id)

    def start(self, caller: Caller, zone: Zone, name: str, *, request_id: str = "") -> Document:
        """The VM runs, as it was made and with the metadata it has now; the operation.

        Raises:
            GoogleError: 400 where the caller may not act as its account.
        """
        key, instance = zone.instance(name), self._found(caller, zone, name, "compute.instances.start")
        if operation := self._operations.begun("start", key, caller, request_id):
            return operation
        if instance["status"] == "TERMINATED":
            body = {**(self._requests.get(key) or {}), "metadata": instance["metadata"]}
            wanted = self._parse(zone, body)
            account = self._acted_as(caller, wanted.service_account)
            identity = _identity(zone, wanted, account, instance_id=instance["id"])
            self._fleet.change(key, lastStartTimestamp=time_of(self._state.clock()))
            self._fleet.boot(key, _machine(identity, wanted, self._folder(key)))
        return self._operations.begin("start", key, instance["id"], caller, request_id=request_id)

    def set_metadata(
        self, caller: Caller, zone: Zone, name: str, wanted: Document, *, request_id: str = ""
    ) -> Document:
        """The VM has this metadata when it starts the next time; the operation.

        Raises:
            GoogleError: 412 where the request's fingerprint is not the current one's; 400.
        """
        key, instance = zone.instance(name), self._found(caller, zone, name, "compute.instances.setMetadata")
        if operation := self._operations.begun("setMetadata", key, caller, request_id):
            return operation
        _check_fingerprint(wanted.get("fingerprint"), instance["metadata"]["fingerprint"], "metadata")
        self._fleet.change(key, metadata=render_metadata(parse_metadata(wanted.get("items"))))
        return self._operations.begin("setMetadata", key, instance["id"], caller, request_id=request_id)

    def set_labels(
        self, caller: Caller, zone: Zone, name: str, wanted: Document, *, request_id: str = ""
    ) -> Document:
        """The VM has these labels; the operation.

        Raises:
            GoogleError: 412 where the request's fingerprint is not the current one's; 400.
        """
        key, instance = zone.instance(name), self._found(caller, zone, name, "compute.instances.setLabels")
        if operation := self._operations.begun("setLabels", key, caller, request_id):
            return operation
        _check_fingerprint(wanted.get("labelFingerprint"), instance["labelFingerprint"], "label")
        labels = parse_labels(wanted.get("labels"))
        self._fleet.change(key, labels=labels, labelFingerprint=fingerprint_of(labels))
        return self._operations.begin("setLabels", key, instance["id"], caller, request_id=request_id)

    def delete(self, caller: Caller, zone: Zone, name: str, *, request_id: str = "") -> Document:
        """The VM is off and gone, with its disk; the operation. Waits for its workload."""
        key = zone.instance(name)
        self._require(caller, "compute.instances.delete", key, zone)
        if operation := self._operations.begun("delete", key, caller, request_id):
            return operation
        instance = self._there(key)
        self._fleet.switch_off(key)
        for collection in (self._fleet.instances, self._requests):
            if key in collection:
                collection.delete(key)
        shutil.rmtree(self._folder(key), ignore_errors=True)
        return self._operations.begin("delete", key, instance["id"], caller, request_id=request_id)

    def serial_output(self, caller: Caller, zone: Zone, name: str, *, port: str, start: int) -> Document:
        """What was written to a serial port from byte `start` on; all but the first port are silent."""
        instance = self._found(caller, zone, name, "compute.instances.getSerialPortOutput")
        log = SerialLog(self._folder(zone.instance(name)) / "serial.log")
        begin, text, end = log.read(start) if port == "1" else (0, "", 0)
        return {
            "kind": "compute#serialPortOutput",
            "selfLink": instance["selfLink"] + "/serialPort",
            "contents": text,
            "start": str(begin),
            "next": str(end),
        }

    def operation(self, caller: Caller, zone: Zone, name: str) -> Document:
        """An operation that the caller began in the zone; nobody else is told of it."""
        return self._operations.get(caller, zone.key, name)

    def operations(self, caller: Caller, zone: Zone) -> list[tuple[str, Document]]:
        """Every operation that the caller began in the zone, by its name."""
        return self._operations.list_all(caller, zone.key)

    def _parse(self, zone: Zone, body: Document) -> InstanceRequest:
        default = default_account_of(zone.project["projectNumber"])
        return parse_instance_request(body, zone=zone.name, default_account=default)

    def _found(self, caller: Caller, zone: Zone, name: str, permission: str) -> Document:
        key = zone.instance(name)
        self._require(caller, permission, key, zone)
        return self._there(key)

    def _there(self, key: str) -> Document:
        instance = self._fleet.instances.get(key)
        if instance is None:
            raise GoogleError(404, f"The resource '{key}' was not found", reason="notFound")
        return instance

    def _require_new(self, key: str) -> None:
        """No instance of the project has that name: here, unlike at Google, in no other zone either."""
        project, name = key.split("/")[1], key.rpartition("/")[2]
        for other, _ in self._fleet.instances.items():
            if other.split("/")[1] == project and other.rpartition("/")[2] == name:
                raise GoogleError(409, f"The resource '{other}' already exists", reason="alreadyExists")

    def _require(self, caller: Caller, permission: str, key: str, zone: Zone) -> None:
        """The caller holds `permission` in the project, and the audit log says whether."""
        granted = permission in permissions_of(caller, [zone.project["policy"]])
        self._record(caller, permission, key, granted=granted)
        if not granted:
            raise GoogleError(403, f"Required '{permission}' permission for '{key}'", reason="forbidden")

    def _acted_as(self, caller: Caller, email: str) -> Document:
        """The service account that the VM will be; Google does not tell an absent from a forbidden one."""
        account = find_service_account(self._state, email)
        permission = "iam.serviceAccounts.actAs"
        policies = policies_of(self._state, account) if account else []
        granted = permission in permissions_of(caller, policies)
        self._record(caller, permission, f"serviceAccounts/{email}", granted=granted)
        if account is None or not granted:
            raise GoogleError(
                400,
                f"The user does not have access to service account '{email}'.  User: '{caller.name}'.  "
                "Ask a project owner to grant you the iam.serviceAccountUser role on the service account",
                reason="badRequest",
            )
        return account

    def _record(self, caller: Caller, permission: str, resource: str, *, granted: bool) -> None:
        self._state.audit.record(
            service="compute.googleapis.com",
            method=permission.removeprefix("compute."),
            principal=caller.name,
            resource=resource,
            granted=granted,
            detail={"permission": permission},
        )

    def _folder(self, key: str) -> Path:
        _, project, _, _, _, name = key.split("/")
        return self._state.folder / "instances" / project / name


def _identity(
    zone: Zone, wanted: InstanceRequest, account: Document, *, instance_id: str = ""
) -> InstanceIdentity:
    return InstanceIdentity(
        project_id=zone.project["projectId"],
        project_number=zone.project["projectNumber"],
        zone=zone.name,
        name=wanted.name,
        instance_id=instance_id or str(10**18 + secrets.randbelow(8 * 10**18)),
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


def _check_fingerprint(given: object, current: str, what: str) -> None:
    """Whoever changes it has seen it.

    Raises:
        GoogleError: 412; 400 where there is none.
    """
    if not isinstance(given, str) or not given:
        raise GoogleError(400, f"Required field '{what}.fingerprint' not specified", reason="required")
    if bytes_of_etag(given) != bytes_of_etag(current):
        raise GoogleError(
            412, f"Supplied fingerprint does not match current {what} fingerprint.", reason="conditionNotMet"
        )
