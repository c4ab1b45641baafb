"""What an operator is told who may not: the role that would do, and the line that grants it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attestation.errors import Denied
from deploy.resources import Grant, Project
from deploy.rights import grant_line


@contextmanager
def needing(role: str, project_id: str) -> Iterator[None]:
    """Within the block, whoever may not is told the role that would do, and the line that grants it."""
    try:
        yield
    except Denied as error:
        project = Project(project_id=project_id, number="")
        line = grant_line(Grant(on=project, role=role, member="user:YOU"))
        error.hint = f"is `{project_id}` the project that you mean? `{role}` on it would do: {line}"
        raise
