"""Any provider that joins the pool, and whatever it admits, has the role.

A binding's own condition may limit when, and on which resource: no attribute of IAM's conditions says whose
workload it is, so it is no better for having one.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection; IAM, principal identifiers;
IAM, "Attribute reference for IAM Conditions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..wording import quoted

SLUG: Final = "pool-wide-binding"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a role is granted to every identity of the pool"

_EVERYBODY: Final = re.compile(r"principalSet://iam\.googleapis\.com/.*/workloadIdentityPools/[^/]+/\*")


def check(context: Context) -> Iterator[Finding]:
    for binding in context.policies.bindings or () if context.is_first else ():
        if _EVERYBODY.fullmatch(binding.member):
            said = f"{quoted(binding.role)} is granted to all of the pool"
            yield context.finding(
                f"{said}, and its condition does not say to whom" if binding.condition else said,
                hint="grant it to `principalSet://…/attribute.image_digest/sha256:…`",
                place="bindings",
                span=(0, len(binding.member)),
                text=binding.member,
            )
