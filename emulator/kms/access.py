"""Who may do what to a ring, a key or a version, asked before anything is said of it.

A permission is held by the policy of the project, of the ring or of the key: by a user, by a service account,
or by a federated principal itself, such as every workload of one image.

Source: Cloud KMS documentation, "Permissions and roles".
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from ..access_tokens import CLOUD_PLATFORM, Caller, require_caller
from ..iam.authorization import Policy, project_of, require_permission
from ..places import MULTI_REGIONS, REGIONS
from ..state import Document, State
from .errors import insufficient_scopes, no_such_location, not_found
from .keys import CryptoKey, KeyVersion
from .store import KeyStore

_SERVICE = "cloudkms.googleapis.com"
_SCOPES = frozenset({CLOUD_PLATFORM, "https://www.googleapis.com/auth/cloudkms"})
LOCATIONS = tuple(sorted(("global", *MULTI_REGIONS, *REGIONS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for: the permission that it needs, after `cloudkms.`, and its name in the audit log."""

    permission: str
    method: str


class Access:
    """Each method is: what the path of the request names, where the caller may do what is asked."""

    def __init__(self, state: State, store: KeyStore) -> None:
        self._state = state
        self._store = store

    def project(self, request: Request, asked: Asked) -> str:
        """`projects/ID`.

        Raises:
            GoogleError: 401, 403.
        """
        project = project_of(self._state, request.path_params["project"])
        name = f"projects/{project['projectId']}"
        self._require(request, asked, name, [project["policy"]])
        return name

    def location(self, request: Request, asked: Asked) -> str:
        """`projects/ID/locations/LOCATION`.

        Raises:
            GoogleError: 401, 403; 404 for a location that Cloud KMS does not have.
        """
        project = project_of(self._state, request.path_params["project"])
        location = request.path_params["location"]
        name = f"projects/{project['projectId']}/locations/{location}"
        self._require(request, asked, name, [project["policy"]])
        if location not in LOCATIONS:
            raise no_such_location(location)
        return name

    def ring(self, request: Request, asked: Asked) -> tuple[str, Document]:
        """The ring, after its name.

        Raises:
            GoogleError: 401; 403, also where there is none and the caller may not know; 404.
        """
        name, ring, policies = self.over_ring(request)
        self._require(request, asked, name, policies)
        if ring is None:
            raise not_found("KeyRing", name)
        return name, ring

    def key(self, request: Request, asked: Asked) -> CryptoKey:
        """The key.

        Raises:
            GoogleError: as `ring` does.
        """
        name, key, policies = self.over_key(request)
        self._require(request, asked, name, policies)
        if key is None:
            raise not_found("CryptoKey", name)
        return key

    def version(self, request: Request, asked: Asked) -> tuple[CryptoKey, KeyVersion]:
        """The version, after its key.

        Raises:
            GoogleError: as `ring` does.
        """
        key_name, key, policies = self.over_key(request)
        name = f"{key_name}/cryptoKeyVersions/{request.path_params['version']}"
        self._require(request, asked, name, policies)
        version = None if key is None else key.version(request.path_params["version"])
        if key is None or version is None:
            raise not_found("CryptoKeyVersion", name)
        return key, version

    def over_ring(self, request: Request) -> tuple[str, Document | None, list[Policy]]:
        """The ring's name, the ring if there is one, and the policies that grant permissions on it.

        Raises:
            GoogleError: 403 for an unknown project.
        """
        path = request.path_params
        project = project_of(self._state, path["project"])
        name = f"projects/{project['projectId']}/locations/{path['location']}/keyRings/{path['ring']}"
        ring = self._store.ring(name)
        return name, ring, [project["policy"], *([] if ring is None else [ring["policy"]])]

    def over_key(self, request: Request) -> tuple[str, CryptoKey | None, list[Policy]]:
        """The key's name, the key if there is one, and the policies that grant permissions on it.

        Raises:
            GoogleError: 403 for an unknown project.
        """
        ring, _, policies = self.over_ring(request)
        name = f"{ring}/cryptoKeys/{request.path_params['key']}"
        key = self._store.key(name)
        return name, key, [*policies, *([] if key is None else [key.policy])]

    def caller_of(self, request: Request) -> Caller:
        """Who asks, with a token that is good for Cloud KMS.

        Raises:
            GoogleError: 401, 403.
        """
        caller = require_caller(self._state, request)
        if not caller.scopes & _SCOPES:
            raise insufficient_scopes(_SERVICE)
        return caller

    def _require(self, request: Request, asked: Asked, resource: str, policies: list[Policy]) -> None:
        require_permission(
            self._state,
            self.caller_of(request),
            f"cloudkms.{asked.permission}",
            service=_SERVICE,
            method=asked.method,
            resource=resource,
            policies=policies,
        )
