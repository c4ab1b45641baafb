"""What a Docker repository is made from, and what of it can be changed.

Source: Artifact Registry API reference, v1 `projects.locations.repositories.create` and `patch`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import GoogleError, not_emulated, refuse_other_fields
from .state import Document

_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_STORED = ("description", "labels")
_SAID_OTHERWISE = ("format", "mode", "name")
_SHOWN_ALONE = ("createTime", "registryUri", "updateTime")
# Clients with `enum-encoding=int` send numbers: google.devtools.artifactregistry.v1, `Repository`.
_DOCKER = ("DOCKER", 1)
_STANDARD = ("MODE_UNSPECIFIED", "STANDARD_REPOSITORY", 0)


def parse_repository_id(query: Mapping[str, str]) -> str:
    """The ID that the query names, in either spelling.

    Raises:
        GoogleError: 400 where it is not one that Google takes.
    """
    identifier = query.get("repositoryId", query.get("repository_id", ""))
    if not _ID.fullmatch(identifier):
        raise GoogleError(400, "Invalid repository ID.")
    return identifier


def parse_repository(body: Mapping[str, Any]) -> Document:
    """The fields of a repository that are stored.

    Raises:
        GoogleError: 400 for any format but Docker's.
    """
    refuse_other_fields(body, (*_STORED, *_SAID_OTHERWISE), "repositories")
    if body.get("mode") not in (None, *_STANDARD):
        raise not_emulated("the emulator has standard repositories only")
    if body.get("format") not in _DOCKER:
        raise not_emulated("the emulator has repositories of the format DOCKER only")
    return {"format": "DOCKER"} | {field: body[field] for field in _STORED if field in body}


def parse_repository_patch(body: Mapping[str, Any], query: Mapping[str, str]) -> Document:
    """The fields of a repository that are changed, as the mask names them, or the body without one.

    Raises:
        GoogleError: 400 for a field that cannot be changed, or that the emulator does not have.
    """
    refuse_other_fields(body, (*_STORED, *_SAID_OTHERWISE, *_SHOWN_ALONE), "repositories")
    mask = query.get("updateMask") or ",".join(field for field in _STORED if field in body)
    fields = [field for field in mask.split(",") if field]
    for field in fields:
        if field not in _STORED:
            raise GoogleError(400, f"Invalid update mask: `{field[:60]}` cannot be changed.")
    empty: Document = {"description": "", "labels": {}}
    return {field: body.get(field, empty[field]) for field in fields}
