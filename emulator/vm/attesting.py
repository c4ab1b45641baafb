"""Whether a VM's service account may have its VM attested, and speak for the accounts it names.

Source: Confidential Space documentation, "Grant the workload service account permissions"; the
sentences that frame Google's are those of google/go-tpm-tools, launcher/container_runner.go.
"""

from __future__ import annotations

from policy.launch_spec import LaunchRefused

from ..access_tokens import Caller
from ..iam.authorization import permissions_of, project_of
from ..iam.service_accounts import find_service_account, policies_of
from ..state import State
from .metadata import InstanceIdentity

_ATTEST = "confidentialcomputing.challenges.verify"
_SPEAK_FOR = "iam.serviceAccounts.getOpenIdToken"


def check_may_attest(state: State, identity: InstanceIdentity, impersonated: tuple[str, ...]) -> None:
    """The verifier would answer this VM.

    Raises:
        LaunchRefused: the account lacks `roles/confidentialcomputing.workloadUser` on its project,
            or may not have an ID token of an account that `tee-impersonate-service-accounts` names.
    """
    member = f"serviceAccount:{identity.service_account}"
    caller = Caller(
        name=identity.service_account, members=frozenset({member}), scopes=frozenset(), expires_at=0
    )
    project = project_of(state, identity.project_id)
    if _ATTEST not in permissions_of(caller, [project["policy"]]):
        resource = f"//confidentialcomputing.googleapis.com/projects/{identity.project_id}"
        raise _refused(
            f"rpc error: code = PermissionDenied desc = Permission '{_ATTEST}' denied on resource "
            f"'{resource}' (or it may not exist)."
        )
    for email in impersonated:
        account = find_service_account(state, email)
        if _SPEAK_FOR not in permissions_of(caller, policies_of(state, account) if account else []):
            raise _refused(
                f"failed to get principal tokens: failed to get impersonated token for {email}: "
                f"Permission '{_SPEAK_FOR}' denied on resource (or it may not exist)."
            )


def _refused(reason: str) -> LaunchRefused:
    return LaunchRefused(
        f"failed to fetch and write OIDC token: failed to retrieve attestation service token: {reason}"
    )
