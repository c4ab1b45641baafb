"""Each action of a plan, done; what is to be done was decided before.

Source: REST references of Cloud Storage (`buckets.patch`), IAM v1 (`workloadIdentityPools`, long-running
operations, `undelete`), Artifact Registry v1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from . import allow_policies
from .google_api import IAM, GoogleApi
from .planning import Action, Create, Give, Restore, Update
from .resources import Bucket, Made
from .rest import creation_of, title_of, url_of


def apply(
    api: GoogleApi, actions: Iterable[Action], *, on_done: Callable[[Action], None] = lambda action: None
) -> None:
    """Every action is done, in order; `on_done` heard of each as soon as it was.

    Raises:
        AlreadyExists, ConcurrentChange: somebody else changed something since it was observed.
        SymbolonError: the first that cannot be done, as Google answers; those before it are done.
    """
    for action in actions:
        match action:
            case Create():
                _create(api, action.resource)
            case Restore():
                doing = f"restoring {title_of(action.resource)}"
                operation = api.call("POST", f"{url_of(action.resource)}:undelete", doing=doing, body={})
                api.wait(operation, f"{IAM}/{operation['name']}", doing=doing)
            case Update():
                _update(api, action)
            case Give():
                allow_policies.give(api, action.grant)
            case _:
                assert_never(action)
        on_done(action)


def _create(api: GoogleApi, resource: Made) -> None:
    creation, doing = creation_of(resource), f"creating {title_of(resource)}"
    answer = api.call("POST", creation.url, doing=doing, parameters=creation.parameters, body=creation.body)
    if creation.operations is not None:
        api.wait(answer, f"{creation.operations}/{answer['name']}", doing=doing)


def _update(api: GoogleApi, action: Update) -> None:
    url, doing = url_of(action.resource), f"updating {title_of(action.resource)}"
    if isinstance(action.resource, Bucket):
        api.call("PATCH", url, doing=doing, body=action.after)
        return
    mask = {"updateMask": ",".join(action.after)}
    operation = api.call("PATCH", url, doing=doing, parameters=mask, body=action.after)
    api.wait(operation, f"{IAM}/{operation['name']}", doing=doing)
