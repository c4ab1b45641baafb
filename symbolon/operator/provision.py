"""What `symbolon operator provision` wants: two buckets, and the account of the VM with what it may do."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from attestation.errors import ExitCode
from deploy.google_api import GoogleApi

from ..projects import OperatorNames
from ..provisioning import Choice, Deployment, find_project, provision
from ..signing_in import sign_in


def provision_operator(
    names: OperatorNames, *, choice: Choice, typed: Sequence[str] = (), api: GoogleApi | None = None
) -> ExitCode:
    """The operator's resources are as described, or the plan for it is shown; `typed` are the flags of names.

    Raises:
        SymbolonError: as `provision` does.
    """
    api = api or sign_in("operator")
    project, member = find_project(api, names.project)
    operator = names.operator(project.number)
    wanted = (*operator.apis(), *operator.foundation())
    deployment = Deployment(
        party="operator",
        project=project,
        wanted=wanted,
        removed=wanted,
        member=member,
        words=shlex.join(["symbolon", "operator", "provision", *typed]),
    )
    return provision(api, deployment, choice)
