"""iam.googleapis.com, both halves of it: service accounts, and workload identity federation."""

from __future__ import annotations

from starlette.routing import BaseRoute

from ..state import State
from . import service_accounts, workload_identity_pools


def routes(state: State) -> list[BaseRoute]:
    """Everything under `/v1/projects`."""
    return [*service_accounts.routes(state), *workload_identity_pools.routes(state)]
