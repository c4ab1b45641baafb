"""`python -m workload`: the environment is narrowed, and only then is a library imported that may read it."""

from __future__ import annotations

import os
import sys

from . import core_dumps
from .environment import narrow
from .stopping import STOPPED, hear_signals


def main() -> int:
    """One job has been done, or its failure told: `workload.program` has the exit codes."""
    try:
        core_dumps.forbid()
        hear_signals()
        narrow(os.environ)
        from .program import main as run_one_job

        return run_one_job()
    except KeyboardInterrupt:  # before there was a job
        return STOPPED


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The process ends here and now: a thread that waits for the network, or imports a runtime for a job
    # that was refused meanwhile, has nothing that anybody waits for.
    os._exit(status)
