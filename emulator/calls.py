"""The calls that are served, service by service, by their names in Google's discovery documents.

A call that stands in no table is refused, and so is a parameter of the query that its row does not name:
what is asked for is honoured, or it is said that it is not. Cloud Storage has a table of its own.
`scripts/reference` writes all of them for people.

Source: discovery documents, as `version` names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from starlette.requests import Request

from .errors import not_emulated

HARMLESS = frozenset(
    {
        "$alt", "$apiVersion", "$prettyPrint", "alt", "fields", "key", "prettyPrint", "quotaUser",
        "returnPartialSuccess", "userIp",
    }
)  # fmt: skip
"""What changes nothing of an answer's meaning: `fields` is ignored, so the whole resource comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method, as it is here: its verb and its path, and which parameters of the query are honoured."""

    verb: str
    path: str
    parameters: frozenset[str] = frozenset()
    simplified: str = ""
    """What it does less than Google's, in words for people."""


@dataclass(frozen=True)
class Service:
    """One version of one API: its title, its name in the discovery documents, and what is served of it."""

    title: str
    name: str
    version: str
    calls: Mapping[str, Call] = field(repr=False)

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str], frozenset[str]]]:
        return [
            (call.verb, re.compile(re.sub(r"\{(\w+)\}", _part, call.path)), call.parameters)
            for call in sorted(self.calls.values(), key=lambda call: -len(call.path))
        ]

    def check(self, request: Request) -> None:
        """Every parameter of the query is one that the call honours; of no call of ours, nothing is said.

        Raises:
            GoogleError: 400.
        """
        for verb, pattern, parameters in self._patterns:
            if request.method == verb and pattern.fullmatch(request.url.path):
                for name in sorted(request.query_params.keys() - parameters - HARMLESS):
                    raise not_emulated(
                        f"the emulator does not have the parameter `{name[:60]}` of {verb} {request.url.path}"
                    )
                return


def _part(named: re.Match[str]) -> str:
    """What stands in a path for the part of that name: images have slashes, their versions colons."""
    key = "[^/:]+(?:/cryptoKeyVersions/[^/:]+)?"
    odd = {"package": ".+", "dockerImage": ".+", "version": "[^/]+", "keyOrVersion": key}
    return odd.get(named[1], "[^/:]+")


def _call(verb: str, path: str, *parameters: str, less: str = "") -> Call:
    return Call(verb=verb, path=path, parameters=frozenset(parameters), simplified=less)


_PAGES = ("pageSize", "pageToken")
_COMPUTE_PAGES = ("filter", "maxResults", "pageToken")
_FILTERS = "`filter` takes comparisons with `AND`"
_ROLES = "the roles that the emulator knows; a condition on a binding is refused"
_AT_ONCE = "is done when it is answered"
_NEXT_START = "is read at the next start"
_C = "/compute/v1/projects/{project}"
_Z = _C + "/zones/{zone}"
_I = _Z + "/instances/{instance}"
COMPUTE = Service(
    "Compute Engine",
    "compute",
    "v1",
    {
        "images.get": _call("GET", _C + "/global/images/{image}", less="Confidential Space's two images"),
        "images.getFromFamily": _call("GET", _C + "/global/images/family/{family}"),
        "images.list": _call("GET", _C + "/global/images", *_COMPUTE_PAGES, less=_FILTERS),
        "instances.aggregatedList": _call(
            "GET", _C + "/aggregated/instances", *_COMPUTE_PAGES, "includeAllScopes", less=_FILTERS
        ),
        "instances.delete": _call("DELETE", _I, "requestId"),
        "instances.get": _call("GET", _I),
        "instances.getSerialPortOutput": _call(
            "GET", _I + "/serialPort", "port", "start", less="the first port is the one that is written to"
        ),
        "instances.insert": _call(
            "POST",
            _Z + "/instances",
            "requestId",
            less="Confidential Space's images; a field beside is refused",
        ),
        "instances.list": _call("GET", _Z + "/instances", *_COMPUTE_PAGES, less=_FILTERS),
        "instances.setLabels": _call("POST", _I + "/setLabels", "requestId"),
        "instances.setMetadata": _call("POST", _I + "/setMetadata", "requestId", less=_NEXT_START),
        "instances.start": _call("POST", _I + "/start", "requestId"),
        "instances.stop": _call("POST", _I + "/stop", "requestId"),
        "machineTypes.aggregatedList": _call(
            "GET", _C + "/aggregated/machineTypes", *_COMPUTE_PAGES, "includeAllScopes", less=_FILTERS
        ),
        "machineTypes.get": _call("GET", _Z + "/machineTypes/{type}", less="those that can be confidential"),
        "machineTypes.list": _call("GET", _Z + "/machineTypes", *_COMPUTE_PAGES, less=_FILTERS),
        "regions.get": _call(
            "GET", _C + "/regions/{region}", less="limits are not enforced, usage not counted"
        ),
        "zoneOperations.get": _call("GET", _Z + "/operations/{operation}", less=_AT_ONCE),
        "zoneOperations.list": _call("GET", _Z + "/operations", *_COMPUTE_PAGES, less=_FILTERS),
        "zoneOperations.wait": _call("POST", _Z + "/operations/{operation}/wait", less=_AT_ONCE),
        "zones.get": _call("GET", _Z),
        "zones.list": _call("GET", _C + "/zones", *_COMPUTE_PAGES, less=_FILTERS),
    },
)
_ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
_ACCOUNT = _ACCOUNTS + "/{account}"
_POOLS = "/v1/projects/{project}/locations/{location}/workloadIdentityPools"
_POOL = _POOLS + "/{pool}"
_PROVIDER = _POOL + "/providers/{provider}"
_OIDC = "OIDC providers"
IAM = Service(
    "IAM",
    "iam",
    "v1",
    {
        "projects.serviceAccounts.create": _call("POST", _ACCOUNTS),
        "projects.serviceAccounts.delete": _call("DELETE", _ACCOUNT),
        "projects.serviceAccounts.disable": _call("POST", _ACCOUNT + ":disable"),
        "projects.serviceAccounts.enable": _call("POST", _ACCOUNT + ":enable"),
        "projects.serviceAccounts.get": _call("GET", _ACCOUNT),
        "projects.serviceAccounts.getIamPolicy": _call(
            "POST", _ACCOUNT + ":getIamPolicy", "options.requestedPolicyVersion"
        ),
        "projects.serviceAccounts.list": _call("GET", _ACCOUNTS, *_PAGES),
        "projects.serviceAccounts.patch": _call("PATCH", _ACCOUNT),
        "projects.serviceAccounts.setIamPolicy": _call("POST", _ACCOUNT + ":setIamPolicy", less=_ROLES),
        "projects.serviceAccounts.testIamPermissions": _call("POST", _ACCOUNT + ":testIamPermissions"),
        "projects.serviceAccounts.undelete": _call("POST", _ACCOUNT + ":undelete"),
        "projects.locations.workloadIdentityPools.create": _call("POST", _POOLS, "workloadIdentityPoolId"),
        "projects.locations.workloadIdentityPools.delete": _call("DELETE", _POOL),
        "projects.locations.workloadIdentityPools.get": _call("GET", _POOL),
        "projects.locations.workloadIdentityPools.list": _call("GET", _POOLS, *_PAGES, "showDeleted"),
        "projects.locations.workloadIdentityPools.operations.get": _call(
            "GET", _POOL + "/operations/{operation}", less=_AT_ONCE
        ),
        "projects.locations.workloadIdentityPools.patch": _call("PATCH", _POOL, "updateMask"),
        "projects.locations.workloadIdentityPools.undelete": _call("POST", _POOL + ":undelete"),
        "projects.locations.workloadIdentityPools.providers.create": _call(
            "POST", _POOL + "/providers", "workloadIdentityPoolProviderId", less=_OIDC
        ),
        "projects.locations.workloadIdentityPools.providers.delete": _call("DELETE", _PROVIDER),
        "projects.locations.workloadIdentityPools.providers.get": _call("GET", _PROVIDER),
        "projects.locations.workloadIdentityPools.providers.list": _call(
            "GET", _POOL + "/providers", *_PAGES, "showDeleted"
        ),
        "projects.locations.workloadIdentityPools.providers.operations.get": _call(
            "GET", _PROVIDER + "/operations/{operation}", less=_AT_ONCE
        ),
        "projects.locations.workloadIdentityPools.providers.patch": _call(
            "PATCH", _PROVIDER, "updateMask", less=_OIDC
        ),
        "projects.locations.workloadIdentityPools.providers.undelete": _call("POST", _PROVIDER + ":undelete"),
    },
)
IAM_CREDENTIALS = Service(
    "IAM Service Account Credentials",
    "iamcredentials",
    "v1",
    {
        "projects.locations.workloadIdentityPools.getAllowedLocations": _call(
            "GET", _POOL + "/allowedLocations", less="every location"
        ),
        "projects.serviceAccounts.generateAccessToken": _call(
            "POST", _ACCOUNT + ":generateAccessToken", less="an hour at most"
        ),
        "projects.serviceAccounts.generateIdToken": _call("POST", _ACCOUNT + ":generateIdToken"),
        "projects.serviceAccounts.getAllowedLocations": _call(
            "GET", _ACCOUNT + "/allowedLocations", less="every location"
        ),
        "projects.serviceAccounts.signBlob": _call("POST", _ACCOUNT + ":signBlob"),
        "projects.serviceAccounts.signJwt": _call("POST", _ACCOUNT + ":signJwt"),
    },
)
_LOCATIONS = "/v1/projects/{project}/locations"
_REPOSITORIES = _LOCATIONS + "/{location}/repositories"
_REPOSITORY = _REPOSITORIES + "/{repository}"
_PACKAGE = _REPOSITORY + "/packages/{package}"
_VERSION = _PACKAGE + "/versions/{version}"
_IMAGE_TAG = _PACKAGE + "/tags/{tag}"
ARTIFACT_REGISTRY = Service(
    "Artifact Registry",
    "artifactregistry",
    "v1",
    {
        "projects.locations.get": _call("GET", _LOCATIONS + "/{location}"),
        "projects.locations.list": _call("GET", _LOCATIONS, *_PAGES),
        "projects.locations.operations.get": _call(
            "GET", _LOCATIONS + "/{location}/operations/{operation}", less=_AT_ONCE
        ),
        "projects.locations.repositories.create": _call(
            "POST", _REPOSITORIES, "repositoryId", less="standard repositories of the format `DOCKER`"
        ),
        "projects.locations.repositories.delete": _call("DELETE", _REPOSITORY),
        "projects.locations.repositories.get": _call("GET", _REPOSITORY),
        "projects.locations.repositories.getIamPolicy": _call(
            "GET", _REPOSITORY + ":getIamPolicy", "options.requestedPolicyVersion"
        ),
        "projects.locations.repositories.dockerImages.get": _call(
            "GET", _REPOSITORY + "/dockerImages/{dockerImage}"
        ),
        "projects.locations.repositories.dockerImages.list": _call(
            "GET", _REPOSITORY + "/dockerImages", *_PAGES
        ),
        "projects.locations.repositories.list": _call("GET", _REPOSITORIES, *_PAGES),
        "projects.locations.repositories.packages.delete": _call("DELETE", _PACKAGE, less=_AT_ONCE),
        "projects.locations.repositories.packages.get": _call("GET", _PACKAGE),
        "projects.locations.repositories.packages.list": _call("GET", _REPOSITORY + "/packages", *_PAGES),
        "projects.locations.repositories.packages.tags.create": _call("POST", _PACKAGE + "/tags", "tagId"),
        "projects.locations.repositories.packages.tags.delete": _call("DELETE", _IMAGE_TAG),
        "projects.locations.repositories.packages.tags.get": _call("GET", _IMAGE_TAG),
        "projects.locations.repositories.packages.tags.list": _call(
            "GET", _PACKAGE + "/tags", *_PAGES, "filter", less="`filter` takes a version"
        ),
        "projects.locations.repositories.packages.tags.patch": _call("PATCH", _IMAGE_TAG, "updateMask"),
        "projects.locations.repositories.packages.versions.delete": _call(
            "DELETE", _VERSION, "force", less="what it referred to stays until its repository goes"
        ),
        "projects.locations.repositories.packages.versions.get": _call("GET", _VERSION, "view"),
        "projects.locations.repositories.packages.versions.list": _call(
            "GET", _PACKAGE + "/versions", *_PAGES, "view"
        ),
        "projects.locations.repositories.patch": _call(
            "PATCH", _REPOSITORY, "updateMask", less="description and labels"
        ),
        "projects.locations.repositories.setIamPolicy": _call(
            "POST", _REPOSITORY + ":setIamPolicy", less=_ROLES
        ),
        "projects.locations.repositories.testIamPermissions": _call(
            "POST", _REPOSITORY + ":testIamPermissions"
        ),
    },
)

_RINGS = _LOCATIONS + "/{location}/keyRings"
_RING = _RINGS + "/{ring}"
_KEYS = _RING + "/cryptoKeys"
_KEY = _KEYS + "/{key}"
_KEY_VERSIONS = _KEY + "/cryptoKeyVersions"
_KEY_VERSION = _KEY_VERSIONS + "/{number}"
_K = "projects.locations.keyRings"
_SOFTWARE = "`GOOGLE_SYMMETRIC_ENCRYPTION` by `SOFTWARE`"
CLOUD_KMS = Service(
    "Cloud KMS",
    "cloudkms",
    "v1",
    {
        "projects.locations.get": _call("GET", _LOCATIONS + "/{location}", less="no HSM, no external keys"),
        "projects.locations.list": _call(
            "GET", _LOCATIONS, *_PAGES, less="regions, `asia`, `europe`, `us` and `global`"
        ),
        f"{_K}.create": _call("POST", _RINGS, "keyRingId"),
        f"{_K}.get": _call("GET", _RING),
        f"{_K}.getIamPolicy": _call("GET", _RING + ":getIamPolicy", "options.requestedPolicyVersion"),
        f"{_K}.list": _call("GET", _RINGS, *_PAGES),
        f"{_K}.setIamPolicy": _call("POST", _RING + ":setIamPolicy", less=_ROLES),
        f"{_K}.testIamPermissions": _call("POST", _RING + ":testIamPermissions"),
        f"{_K}.cryptoKeys.create": _call(
            "POST", _KEYS, "cryptoKeyId", "skipInitialVersionCreation", less=f"`ENCRYPT_DECRYPT`: {_SOFTWARE}"
        ),
        f"{_K}.cryptoKeys.decrypt": _call("POST", _KEY + ":decrypt"),
        f"{_K}.cryptoKeys.encrypt": _call("POST", _KEYS + "/{keyOrVersion}:encrypt"),
        f"{_K}.cryptoKeys.get": _call("GET", _KEY),
        f"{_K}.cryptoKeys.getIamPolicy": _call(
            "GET", _KEY + ":getIamPolicy", "options.requestedPolicyVersion"
        ),
        f"{_K}.cryptoKeys.list": _call("GET", _KEYS, *_PAGES, "versionView"),
        f"{_K}.cryptoKeys.patch": _call("PATCH", _KEY, "updateMask", less="labels and the rotation schedule"),
        f"{_K}.cryptoKeys.setIamPolicy": _call("POST", _KEY + ":setIamPolicy", less=_ROLES),
        f"{_K}.cryptoKeys.testIamPermissions": _call("POST", _KEY + ":testIamPermissions"),
        f"{_K}.cryptoKeys.updatePrimaryVersion": _call("POST", _KEY + ":updatePrimaryVersion"),
        f"{_K}.cryptoKeys.cryptoKeyVersions.create": _call("POST", _KEY_VERSIONS, less=_SOFTWARE),
        f"{_K}.cryptoKeys.cryptoKeyVersions.destroy": _call("POST", _KEY_VERSION + ":destroy"),
        f"{_K}.cryptoKeys.cryptoKeyVersions.get": _call("GET", _KEY_VERSION),
        f"{_K}.cryptoKeys.cryptoKeyVersions.list": _call("GET", _KEY_VERSIONS, *_PAGES, "view"),
        f"{_K}.cryptoKeys.cryptoKeyVersions.patch": _call("PATCH", _KEY_VERSION, "updateMask"),
        f"{_K}.cryptoKeys.cryptoKeyVersions.restore": _call("POST", _KEY_VERSION + ":restore"),
    },
)


def _resource_manager(version: str, calls: Mapping[str, Call]) -> Service:
    one = f"/{version}/projects/{{project}}"
    return Service(
        f"Resource Manager {version}",
        "cloudresourcemanager",
        version,
        {
            "projects.get": _call("GET", one),
            "projects.getIamPolicy": _call("POST", one + ":getIamPolicy"),
            "projects.setIamPolicy": _call("POST", one + ":setIamPolicy", less=_ROLES),
            "projects.testIamPermissions": _call("POST", one + ":testIamPermissions"),
            **calls,
        },
    )


_TERMS = "takes names, IDs and numbers, with `AND`"
RESOURCE_MANAGER_1 = _resource_manager(
    "v1", {"projects.list": _call("GET", "/v1/projects", *_PAGES, "filter", less=f"`filter` {_TERMS}")}
)
RESOURCE_MANAGER_3 = _resource_manager(
    "v3", {"projects.search": _call("GET", "/v3/projects:search", *_PAGES, "query", less=f"`query` {_TERMS}")}
)
_SERVICES = "/v1/projects/{project}/services"
SERVICE_USAGE = Service(
    "Service Usage",
    "serviceusage",
    "v1",
    {
        "operations.get": _call("GET", "/v1/operations/{operation}", less=_AT_ONCE),
        "services.batchEnable": _call("POST", _SERVICES + ":batchEnable"),
        "services.batchGet": _call("GET", _SERVICES + ":batchGet", "names"),
        "services.disable": _call(
            "POST", _SERVICES + "/{service}:disable", less="of what the emulator has not"
        ),
        "services.enable": _call(
            "POST", _SERVICES + "/{service}:enable", less="is remembered; what is not emulated stays so"
        ),
        "services.get": _call("GET", _SERVICES + "/{service}"),
        "services.list": _call("GET", _SERVICES, *_PAGES, "filter", less="those that are enabled"),
    },
)
LOGGING = Service(
    "Cloud Logging",
    "logging",
    "v2",
    {"entries.list": _call("POST", "/v2/entries:list", less="of projects; what launchers wrote")},
)
STS = Service(
    "Security Token Service",
    "sts",
    "v1",
    {"v1.token": _call("POST", "/v1/token", less="OIDC tokens of workload identity pools")},
)
SERVICES = (
    ARTIFACT_REGISTRY,
    CLOUD_KMS,
    COMPUTE,
    IAM,
    IAM_CREDENTIALS,
    LOGGING,
    RESOURCE_MANAGER_1,
    RESOURCE_MANAGER_3,
    SERVICE_USAGE,
    STS,
)
