"""Tokens around one token: what an operator, or somebody else's workload, would change first.

Most questions about a policy are answered by one of them, decided by the ordinary evaluator and for
almost nothing; only what they leave open is for the solver.

Source: policy/schema.py for the claims; google/go-tpm-tools, launcher/spec, for what an operator sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .. import schema

Path: TypeAlias = tuple[str, ...]
Edit: TypeAlias = tuple[Path, object]

ABSENT: Final = object()

STRANGER: Final = "somebody-else"
"""A project of nobody that a policy could mean, and what follows from it."""
STRANGERS_NUMBER: Final = "999999999999"
STRANGERS_ACCOUNT: Final = f"workload@{STRANGER}.iam.gserviceaccount.com"
STRANGERS_SUB: Final = (
    f"https://www.googleapis.com/compute/v1/projects/{STRANGER}/zones/us-central1-a/instances/vm"
)
STRANGERS_DIGEST: Final = "sha256:" + "5ca1ab1e" * 8
STRANGERS_REFERENCE: Final = f"us-docker.pkg.dev/{STRANGER}/repository/image:latest"
STRANGERS_COMMAND: Final = "/bin/sh"
STRANGERS_VARIABLES: Final = ("LD_PRELOAD", "PYTHONPATH", "SOMETHING_ELSE")

_CONTAINER: Final = ("submods", "container")
_SPACE: Final = ("submods", "confidential_space")
_ATTRIBUTES: Final = (*_SPACE, "support_attributes")
_GCE: Final = ("submods", "gce")
_GPU: Final = ("submods", "nvidia_gpu")
_ACCOUNTS: Final = ("google_service_accounts",)
_SIGNATURE: Final = {
    "key_id": "5ca1ab1e" * 8,
    "signature": "c2ln",
    "signature_algorithm": "ECDSA_P256_SHA256",
}
_NO_TDX: Final[tuple[Edit, ...]] = ((("tdx",), ABSENT), (("attester_tcb",), ABSENT))


def at(token: Mapping[str, Any], path: Path) -> Any:
    """What stands at this path; ABSENT when nothing does."""
    here: Any = token
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            return ABSENT
        here = here[name]
    return here


def edited(token: Mapping[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    """A token with these claims; it shares the others with `token`, which is left as it was."""
    changed = dict(token)
    for path, value in edits:
        _put(changed, path, value)
    return changed


def _put(here: dict[str, Any], path: Path, value: object) -> None:
    *above, last = path
    for name in above:
        below = here.get(name)
        here[name] = here = dict(below) if isinstance(below, Mapping) else {}
    if value is ABSENT:
        here.pop(last, None)
    else:
        here[last] = value


def variations(token: Mapping[str, Any], constants: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Tokens that differ from an admitted one in one respect; `constants` are strings of its policy."""
    for edits in (*_of_the_platform(token), *_of_the_workload(token), *_of_the_operator(token)):
        yield edited(token, edits)
    for path in _NAMED:
        here = at(token, path)
        for constant in constants:
            value = [constant] if path == _ACCOUNTS else constant
            if value != here and here is not ABSENT:
                yield edited(token, [(path, value)])


_NAMED: Final[tuple[Path, ...]] = (
    (*_CONTAINER, "image_digest"),
    (*_CONTAINER, "image_reference"),
    (*_GCE, "project_id"),
    (*_GCE, "project_number"),
    (*_GCE, "zone"),
    (*_GCE, "instance_name"),
    _ACCOUNTS,
)


def _of_the_platform(token: Mapping[str, Any]) -> Iterator[list[Edit]]:
    yield [(("dbgstat",), "enabled"), (_ATTRIBUTES, ABSENT)]
    yield [(("dbgstat",), "enabled")]
    yield [(("swname",), "GCE"), (_CONTAINER, ABSENT), (_SPACE, ABSENT)]
    for model in schema.ASSERTION.fields["hwmodel"].values:
        yield [(("hwmodel",), model), *(_NO_TDX if model != "GCP_INTEL_TDX" else ())]
    yield [(("secboot",), False)]
    yield [((*_SPACE, "monitoring_enabled", "memory"), True)]
    yield [(_ATTRIBUTES, ABSENT)]
    for attributes in (["STABLE", "USABLE"], ["USABLE"], ["EXPERIMENTAL"]):
        yield [(_ATTRIBUTES, attributes)]
    yield [(_GPU, ABSENT)]
    for mode in schema.GPU_MODES:
        yield [((*_GPU, "cc_mode"), mode)]
    yield [(("aud",), "https://somebody-else.example")]


def _of_the_workload(token: Mapping[str, Any]) -> Iterator[list[Edit]]:
    yield [((*_CONTAINER, "image_digest"), STRANGERS_DIGEST)]
    yield [((*_CONTAINER, "image_id"), STRANGERS_DIGEST)]
    yield [((*_CONTAINER, "image_reference"), STRANGERS_REFERENCE)]
    yield [
        ((*_CONTAINER, "image_digest"), STRANGERS_DIGEST),
        ((*_CONTAINER, "image_id"), STRANGERS_DIGEST),
        ((*_CONTAINER, "image_signatures"), ABSENT),
    ]
    yield [((*_CONTAINER, "image_signatures"), ABSENT)]
    yield [((*_CONTAINER, "image_signatures"), [_SIGNATURE])]


def _of_the_operator(token: Mapping[str, Any]) -> Iterator[list[Edit]]:
    for policy in ("Never", "OnFailure", "Always"):
        yield [((*_CONTAINER, "restart_policy"), policy)]
    yield [((*_CONTAINER, "args"), [STRANGERS_COMMAND])]
    yield [((*_CONTAINER, "args"), [STRANGERS_COMMAND]), ((*_CONTAINER, "cmd_override"), [STRANGERS_COMMAND])]
    yield [((*_CONTAINER, "cmd_override"), [STRANGERS_COMMAND])]
    for name in STRANGERS_VARIABLES:
        yield [((*_CONTAINER, claim, name), "x") for claim in ("env", "env_override")]
        yield [((*_CONTAINER, "env", name), "x")]
    for claim in ("cmd_override", "env_override"):
        yield [((*_CONTAINER, claim), ABSENT)]
    accounts = at(token, _ACCOUNTS)
    yield [(_ACCOUNTS, [])]
    yield [(_ACCOUNTS, [STRANGERS_ACCOUNT])]
    if isinstance(accounts, list):
        yield [(_ACCOUNTS, [*accounts, STRANGERS_ACCOUNT])]
    identity: list[Edit] = [((*_GCE, "project_id"), STRANGER), ((*_GCE, "project_number"), STRANGERS_NUMBER)]
    for each in identity:
        yield [each]
    yield [*identity, (("sub",), STRANGERS_SUB)]
    yield [*identity, (("sub",), STRANGERS_SUB), (_ACCOUNTS, [STRANGERS_ACCOUNT])]
    yield [((*_GCE, "zone"), "antarctica-south1-a")]
    yield [((*_GCE, "instance_name"), "somebody-elses-vm")]
