"""Resources made to exist as described, whatever is there already: observe, plan, apply.

    wanted = owner.foundation()
    actions = plan(wanted, observe(api, wanted))    # print them, ask a person
    apply(api, actions)

`ensure` is these three for those who need not ask. A second time there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable

from .applying import apply
from .google_api import AlreadyExists, GoogleApi
from .observing import observe
from .planning import Action, plan
from .resources import Resource


def ensure(
    api: GoogleApi, *wanted: Resource, on_done: Callable[[Action], None] = lambda action: None
) -> tuple[Action, ...]:
    """Every resource is as described; what had to be done for that.

    What appears between looking and creating was made by somebody else, or by our own request, whose
    first answer was lost: it is observed again, once, and planned for as it is.

    Raises:
        Misconfigured: one belongs to somebody else, or is disabled; nothing was changed.
        Denied, Misconfigured, Unavailable: as Google answers.
    """
    done: list[Action] = []

    def heard(action: Action) -> None:
        done.append(action)
        on_done(action)

    try:
        apply(api, plan(wanted, observe(api, wanted)), on_done=heard)
    except AlreadyExists:
        apply(api, plan(wanted, observe(api, wanted)), on_done=heard)
    return tuple(done)
