"""A configuration folder in which gcloud and gsutil are logged in, as `CLOUDSDK_CONFIG` names one.

It is written here, so that neither needs to be installed, nor run, nor told anything but the folder.
What people change in it (`gcloud config set project …`) stays.

Source: gcloud 528, googlecloudsdk/core/config.py (`Paths`), core/credentials/creds.py
(`SqliteCredentialStore`, `ToJsonGoogleAuth`) and core/credentials/store.py (`_LegacyGenerator`); gsutil 5.34,
gslib/commands/config.py (`sliced_object_download_threshold`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from .state import write_atomically

_PROPERTIES = """\
[core]
account = {account}
project = {project}
check_gce_metadata = False
disable_usage_reporting = True

[component_manager]
disable_update_check = True

[survey]
disable_prompts = True
"""
_BOTO = """\
[OAuth2]
client_id = {client_id}
client_secret = {client_secret}

[Credentials]
gs_oauth2_refresh_token = {refresh_token}

[GSUtil]
software_update_check_period = 0
sliced_object_download_threshold = 0
"""
"""A file comes in one piece: several are threads that hinder one another, and here is no distance to hide."""
_SCOPES = (
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/cloud-platform",
)


def write_gcloud_folder(folder: Path, credentials: Mapping[str, str], *, project_id: str) -> None:
    """In `folder`, gcloud and gsutil are the account of `credentials`; one that is there is left as it is.

    `credentials` is an `authorized_user` file: `account`, `client_id`, `client_secret`, `refresh_token`.
    """
    selected = folder / "active_config"
    if selected.exists():
        return
    account = credentials["account"]
    properties = _PROPERTIES.format(account=account, project=project_id)
    write_atomically(folder / "configurations" / "config_default", properties.encode())
    boto = folder / "legacy_credentials" / account / ".boto"
    write_atomically(boto, _BOTO.format_map(credentials).encode())
    _write_credentials(folder / "credentials.db", account, credentials)
    write_atomically(selected, b"default")  # last: a folder that has it is complete


def _write_credentials(path: Path, account: str, credentials: Mapping[str, str]) -> None:
    """The database holds the account's refresh token, and nothing else."""
    value = {
        "type": "authorized_user",
        **{name: credentials[name] for name in ("client_id", "client_secret", "refresh_token")},
        "revoke_uri": "https://oauth2.googleapis.com/revoke",
        "scopes": list(_SCOPES),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    write_atomically(path, b"")  # with the mode of a secret
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE credentials (account_id TEXT PRIMARY KEY, value BLOB)")
        database.execute("INSERT INTO credentials VALUES (?, ?)", (account, json.dumps(value)))
