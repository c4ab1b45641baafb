"""What `symbolon operator results clear` does: a folder has nothing of ours any more, and all else still.

`job.json` goes last: whatever stops the command in between leaves a folder that can be cleared again, or
started on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from attestation.errors import ExitCode, Misconfigured
from contract import claim, job
from contract.results import is_ours
from contract.uris import FolderUri
from deploy.google_api import STORAGE, GoogleApi, Json, NotFound

from ..rendering import console, print_json
from ..signing_in import sign_in


def clear(
    *, folder: FolderUri, output: str, api: GoogleApi | None = None, clock: Callable[[], float] = time.time
) -> ExitCode:
    """Every object of ours is gone from the folder; their names stand on standard output.

    Raises:
        Misconfigured: a job is at work in it.
        Denied, Unavailable: an object could not be listed or deleted; those before it are gone.
    """
    api = api or sign_in("operator", scope="https://www.googleapis.com/auth/devstorage.read_write")
    found = {name: blob for name, blob in _list(api, folder) if is_ours(name)}
    _check_abandoned(found.get(claim.NAME), folder, now=clock())
    for name in sorted(found, key=lambda name: (name == job.NAME, name)):
        doing = f"deleting `{name}` from `{folder}`"
        try:
            api.send("DELETE", _url(folder, name), doing=doing, params=_only(found[name]))
        except NotFound:  # the job that ended just now has given up its claim
            continue
    _say(folder, sorted(found), output=output)
    return ExitCode.YES


def _list(api: GoogleApi, folder: FolderUri) -> list[tuple[str, Json]]:
    """The objects right in the folder, by their names in it."""
    listed: list[tuple[str, Json]] = []
    parameters = {
        "prefix": folder.prefix,
        "delimiter": "/",
        "fields": "items(name,generation,updated),nextPageToken",
    }
    while True:
        page = api.call("GET", _url(folder), doing=f"listing `{folder}`", parameters=parameters)
        listed += [(blob["name"].removeprefix(folder.prefix), blob) for blob in page.get("items", [])]
        if not (token := page.get("nextPageToken")):
            return listed
        parameters["pageToken"] = token


def _url(folder: FolderUri, name: str | None = None) -> str:
    objects = f"{STORAGE}/b/{folder.bucket}/o"
    return objects if name is None else f"{objects}/{quote(folder.prefix + name, safe='')}"


def _only(blob: Json) -> dict[str, str]:
    """The object that was listed: one that another start has written since is not ours to delete."""
    return {"ifGenerationMatch": str(blob["generation"])}


def _check_abandoned(claimed: Json | None, folder: FolderUri, *, now: float) -> None:
    """No job is at work in the folder, as far as its claim tells."""
    if claimed is None:
        return
    age_s = now - datetime.fromisoformat(claimed["updated"]).timestamp()
    if age_s < claim.ABANDONED_AFTER_S:
        raise Misconfigured(
            f"a job is at work in `{folder}`: it said so {max(0.0, age_s):.0f} s ago",
            hint=f"stop it first; {claim.ABANDONED_AFTER_S:.0f} s after its last word nobody is in the way",
        )


def _say(folder: FolderUri, names: list[str], *, output: str) -> None:
    if output == "json":
        print_json({"folder": str(folder), "deleted": names})
        return
    for name in names:
        console().print(f"deleted {name}")
    if not names:
        console().print(f"nothing of a job lies in {folder}")
