"""Runs the workload as `emulator/vm/bare.py` does, with the patience of a test, and by another clock.

    python -P hasty.py SECONDS_AHEAD CALL_S BARE LAUNCHER_FOLDER MODULE

No setting of the image does that: it takes another program in front of it, whose digest nobody admits.

What the program's environment is at its end, as a library, a crash or a child would have it, is left beside
the launcher's folder.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

ENVIRONMENT = "environment.json"


def main() -> None:
    """The module has run as `bare.py` runs it."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  as `bare.py` does
    ahead_s, call_s, bare = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    from workload.environment import narrow

    given = dict(os.environ)
    narrow(os.environ)  # before a library is imported, as the workload itself does it
    from workload import patience

    os.environ.update(given)  # and now it has to do so
    _tell_the_environment(Path(sys.argv[4]).parent / ENVIRONMENT)

    budget = patience.Patience(total_s=max(5.0, call_s), call_s=call_s, attempts=4)
    patience.SERVICES = patience.STORAGE = budget
    patience.ANSWER_S = call_s
    if ahead_s:
        _set_the_clock(ahead_s)
    sys.argv = [bare, *sys.argv[4:]]
    runpy.run_path(bare, run_name="__main__")


def _tell_the_environment(file: Path) -> None:
    end = os._exit

    def tell_and_end(status: int) -> None:
        file.write_text(json.dumps(dict(os.environ)))
        end(status)

    os._exit = tell_and_end  # type: ignore[assignment]


def _set_the_clock(ahead_s: float) -> None:
    import time
    from datetime import timedelta
    from unittest.mock import patch

    from google.auth import _helpers

    now, utcnow = time.time, _helpers.utcnow
    ahead = timedelta(seconds=ahead_s)

    def utc() -> object:
        return utcnow() + ahead  # type: ignore[no-untyped-call]

    patch.object(time, "time", lambda: now() + ahead_s).start()
    patch.object(_helpers, "utcnow", utc).start()


if __name__ == "__main__":
    main()
