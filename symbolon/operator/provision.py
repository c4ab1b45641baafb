"""What `symbolon operator provision` wants: two buckets, and the account of the VM with what it may do."""

from __future__ import annotations

from attestation.errors import ExitCode
from deploy.google_api import GoogleApi
from deploy.observing import look_up_project

from ..projects import OperatorNames
from ..provisioning import Choice, Deployment, provision
from ..signing_in import member_of, sign_in


def provision_operator(names: OperatorNames, *, choice: Choice, api: GoogleApi | None = None) -> ExitCode:
    """The operator's resources are as described, or the plan for that is shown.

    Raises:
        SymbolonError: as `provision` does.
    """
    api = api or sign_in()
    project = look_up_project(api, names.project)
    operator = names.operator(project.number)
    wanted = (*operator.apis(), *operator.foundation())
    deployment = Deployment(
        party="operator",
        project=project,
        wanted=wanted,
        removed=wanted,
        member=member_of(api),
        words="symbolon operator provision",
    )
    return provision(api, deployment, choice)
