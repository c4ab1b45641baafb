"""What every service with allow policies is asked in the same words: `setIamPolicy`, `testIamPermissions`.

Source: IAM API reference v1, `Policy`; google.iam.v1.IAMPolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import GoogleError, not_emulated, refuse_other_fields


def parse_policy_request(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The allow policy that a `setIamPolicy` wants; without one, an empty one.

    Raises:
        GoogleError: 400 where it is no object, or its bindings are no list of objects; or where a mask
            leaves the bindings out, which are all that can be changed; or where anything is beside them.
    """
    refuse_other_fields(body, ("policy", "updateMask"), "setIamPolicy")
    policy = body.get("policy") or {}
    if not isinstance(policy, Mapping):
        raise _invalid("policy")
    bindings = policy.get("bindings") or []
    if not isinstance(bindings, list) or not all(isinstance(each, Mapping) for each in bindings):
        raise _invalid("policy.bindings")
    mask = str(body.get("updateMask") or "bindings")
    if "bindings" not in mask.split(","):
        raise not_emulated(f"the emulator does not have the update mask `{mask[:60]}` of policies")
    return {**policy, "bindings": bindings}


def parse_permissions_request(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The permissions that a `testIamPermissions` names.

    Raises:
        GoogleError: 400 where they are no list of texts.
    """
    refuse_other_fields(body, ("permissions",), "testIamPermissions")
    permissions = body.get("permissions") or []
    if not isinstance(permissions, list) or not all(isinstance(each, str) for each in permissions):
        raise _invalid("permissions")
    return tuple(permissions)


def render_permissions(asked: Iterable[str], held: frozenset[str]) -> dict[str, Any]:
    """Those that were asked for and are held, as the answer has them: none is no field at all."""
    granted = [permission for permission in asked if permission in held]
    return {"permissions": granted} if granted else {}


def _invalid(field: str) -> GoogleError:
    return GoogleError(400, f"Invalid value at '{field}'.")
