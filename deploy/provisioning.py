"""Resources made to exist as described, or to exist no more, whatever is there already: observe, plan, apply.

    wanted = owner.foundation()
    actions = plan(wanted, observe(api, wanted))    # print them, ask a person
    converge(api, wanted, plan)

A second time there is nothing to do. A start that ended anywhere in between is gone on with by another one:
each action is looked for before it is done, so nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .applying import apply
from .failures import ApiDisabled
from .google_api import AlreadyExists, ConcurrentChange, GoogleApi
from .observing import Observed, observe
from .planning import Action, Enable, plan
from .resources import Resource, WorkloadIdentityPool
from .rest import url_of

_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
_ENABLING_DELAYS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
Heard = Callable[[Action], None]
Planner = Callable[[tuple[Resource, ...], Observed], tuple[Action, ...]]


def _nobody(_action: Action) -> None:
    """Nobody listens."""


def ensure(api: GoogleApi, *wanted: Resource, on_done: Heard = _nobody) -> tuple[Action, ...]:
    """Every resource is as described; what had to be done for that.

    Raises:
        As `converge` does.
    """
    return converge(api, wanted, plan, on_done=on_done)


def converge(
    api: GoogleApi,
    wanted: Iterable[Resource],
    planner: Planner,
    *,
    on_start: Heard = _nobody,
    on_done: Heard = _nobody,
) -> tuple[Action, ...]:
    """Everything is as `planner` wants it, asked again after what others did meanwhile; what was done.

    What appears between looking and creating was made by somebody else, or by our own request, whose first
    answer was lost: it is observed again and planned for as it is. The same twice is not to be had. An API
    that was enabled a moment ago may not be known everywhere: it is waited for, some two minutes.

    Raises:
        Misconfigured: one belongs to somebody else, or is disabled; nothing was changed.
        AlreadyExists: what cannot be seen is there.
        ApiDisabled: nobody enabled it here, or it stays unknown.
        ConcurrentChange: others change the same thing each time.
        Denied, Misconfigured, Unavailable: as Google answers.
    """
    resources, done, found = tuple(wanted), list[Action](), set[str]()
    doing: list[Action] = []

    def started(action: Action) -> None:
        doing[:] = [action]
        on_start(action)

    def heard(action: Action) -> None:
        done.append(action)
        on_done(action)

    others, enabling = iter(_DELAYS_S), iter(_ENABLING_DELAYS_S)
    while True:
        try:
            apply(api, planner(resources, observe(api, resources)), on_start=started, on_done=heard)
        except AlreadyExists:
            if str(doing[0]) in found:
                raise
            found.add(str(doing[0]))
        except (ApiDisabled, ConcurrentChange) as error:
            by_us = any(isinstance(action, Enable) for action in done)
            delays = others if isinstance(error, ConcurrentChange) else enabling if by_us else iter(())
            if (delay_s := next(delays, None)) is None:
                raise
            api.pause(delay_s)
        else:
            return tuple(done)


def free_pool_id(api: GoogleApi, pool: WorkloadIdentityPool, *, most: int = 9) -> str:
    """An ID like the pool's that nothing has, not even something deleted; "" where there is none.

    Raises:
        Denied, Unavailable: as Google answers.
    """
    for number in range(2, most + 1):
        other = WorkloadIdentityPool(project=pool.project, pool_id=f"{pool.pool_id[:29]}-{number}")
        if observe(api, [other])[url_of(other)] is None:
            return other.pool_id
    return ""
