"""A process that has a model in memory leaves none of it behind, and shows it to nobody."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOK = """
import ctypes, resource
{forbid}
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
CRASH = """
import os, resource
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
{}
os.abort()
"""
FORBID = "from workload import core_dumps; core_dumps.forbid()"


def look(forbid: str) -> str:
    program = LOOK.format(forbid=forbid)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_neither_a_core_dump_nor_another_process_has_its_memory() -> None:
    assert look(FORBID) == "(0, 0) 0"
    assert look("").endswith(" 1"), "otherwise it would be seen"


def crashed(folder: Path, forbid: str) -> bool:
    """Whether a crash there left a core dump, where the machine allows one."""
    program = (
        f"import os, resource; most = resource.getrlimit(resource.RLIMIT_CORE)[1]\n{CRASH.format(forbid)}"
    )
    arguments = [sys.executable, "-c", program]
    command = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *arguments]
    process = os.posix_spawn("/bin/sh", command, {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_crash_leaves_none(tmp_path: Path) -> None:
    assert not crashed(tmp_path, FORBID)
    assert list(tmp_path.iterdir()) == []
    if resource.getrlimit(resource.RLIMIT_CORE)[1]:
        assert crashed(tmp_path, ""), "otherwise it would be written"


def test_the_workload_forbids_it_before_anything_else() -> None:
    main = (ROOT / "workload" / "__main__.py").read_text()
    assert main.index("core_dumps.forbid()") < main.index("hear_signals()") < main.index("narrow(os.environ)")
