"""Which role holds a permission that is missing, and the line by which somebody grants it.

Predefined roles alone, the narrowest that every step of ours which asks for the permission can be done with.

Source: IAM documentation, "IAM roles and permissions index".
"""

from __future__ import annotations

import shlex
from typing import Final

_ROLES: Final = (
    ("artifactregistry.", "roles/artifactregistry.admin"),
    ("cloudkms.cryptoKeyVersions.useToDecrypt", "roles/cloudkms.cryptoKeyDecrypter"),
    ("cloudkms.cryptoKeyVersions.useToEncrypt", "roles/cloudkms.cryptoKeyEncrypter"),
    ("cloudkms.", "roles/cloudkms.admin"),
    ("compute.regions.", "roles/compute.viewer"),
    ("compute.", "roles/compute.instanceAdmin.v1"),
    ("iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"),
    ("iam.serviceAccounts.", "roles/iam.serviceAccountAdmin"),
    ("iam.workloadIdentityPool", "roles/iam.workloadIdentityPoolAdmin"),
    ("logging.", "roles/logging.viewer"),
    ("resourcemanager.projects.get", "roles/browser"),
    ("resourcemanager.projects.", "roles/resourcemanager.projectIamAdmin"),
    ("serviceusage.", "roles/serviceusage.serviceUsageAdmin"),
    ("storage.", "roles/storage.admin"),
)
_POLICIES: Final = ("resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy")


def role_for(permission: str) -> str:
    """The predefined role that holds it; "" for one that nothing here ever asks for.

    >>> role_for("storage.buckets.create")
    'roles/storage.admin'
    >>> role_for("cloudkms.keyRings.create")
    'roles/cloudkms.admin'
    >>> role_for("resourcemanager.projects.setIamPolicy")
    'roles/resourcemanager.projectIamAdmin'
    """
    if permission in _POLICIES:
        return "roles/resourcemanager.projectIamAdmin"
    return next((role for prefix, role in _ROLES if permission.startswith(prefix)), "")


def granting_line(role: str, *, project_id: str, member: str) -> str:
    """The gcloud command by which whoever owns the project grants the role; a POSIX shell's line.

    >>> granting_line("roles/storage.admin", project_id="primus", member="user:a@b.example")
    'gcloud projects add-iam-policy-binding primus --member=user:a@b.example --role=roles/storage.admin'
    """
    words = ["gcloud", "projects", "add-iam-policy-binding", project_id]
    words += [f"--member={member or 'user:YOU'}", f"--role={role}"]
    return shlex.join(words)
