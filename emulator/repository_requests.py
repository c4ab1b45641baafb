"""What a Docker repository is made from.

Source: Artifact Registry API reference, v1 `projects.locations.repositories.create`.
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
