"""Small faults are put into a copy, and those that no test notices are named."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = '''\
"""A limit."""

MOST = 10


def check(count: int) -> bool:
    """Whether it is within the limit."""
    if count > MOST:
        raise ValueError("that is too much")
    return True
'''
TESTS = """\
import pytest
from room.limit import check


def test_the_limit():
    assert check(10)
    with pytest.raises(ValueError):
        check(11)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one module, its tests and the script."""
    for name, text in {"room/limit.py": MODULE, "tests/room/test_limit.py": TESTS}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "scripts").mkdir()
    for script in ("mutate", "in_environment.py"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def mutate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "scripts/mutate"), *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["room/limit.py", "room.limit", "room"])
def test_a_test_at_the_limit_notices_every_fault(name: str, checkout: Path) -> None:
    run = mutate(checkout, name, "--least", "100")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "== room/limit.py, by tests/room/test_limit.py" in run.stdout
    assert run.stdout.endswith("7 of 7 faults were noticed, 100.0 %\n")


def test_a_fault_that_no_test_notices_is_named_and_is_a_no(checkout: Path) -> None:
    test = checkout / "tests/room/test_limit.py"
    test.write_text(TESTS.replace("check(11)", "check(100)"))
    run = mutate(checkout, "room/limit.py", "--least", "95")
    assert run.returncode == 3
    assert "   room/limit.py:3: 10  →  11\n" in run.stdout
    assert mutate(checkout, "room/limit.py", "--least", "50").returncode == 0


def test_each_module_is_held_to_the_least_by_itself(checkout: Path) -> None:
    (checkout / "room/loose.py").write_text("def more(count):\n    return count + 1\n")
    (checkout / "tests/room/test_loose.py").write_text(
        "from room.loose import more\n\n\ndef test_it():\n    assert more(1)\n"
    )
    run = mutate(checkout, "room", "--least", "60")
    assert run.returncode == 3
    assert run.stdout.endswith("below 60 %: room/loose.py\n9 of 11 faults were noticed, 81.8 %\n")
    assert mutate(checkout, "room/limit.py", "--least", "60").returncode == 0


def test_a_module_in_which_nothing_can_be_changed_is_passed_over(checkout: Path) -> None:
    (checkout / "room/__init__.py").write_text('"""A room."""\n')
    run = mutate(checkout, "room", "--least", "100")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "== room/__init__.py: nothing in it can be changed\n" in run.stdout


def test_a_fault_that_is_noticed_by_hanging_alone_is_counted_as_such(checkout: Path) -> None:
    (checkout / "room/limit.py").write_text("def down(count):\n    while count:\n        count -= 1\n")
    (checkout / "tests/room/test_limit.py").write_text(
        "from room.limit import down\n\n\ndef test_it():\n    down(2)\n    down(0)\n"
    )
    script = checkout / "scripts/mutate"
    text = script.read_text().replace("LEAST_PATIENCE_S = 20.0", "LEAST_PATIENCE_S = 1.0")
    script.write_text(text.replace("PATIENCE = 5.0", "PATIENCE = 1.5"))
    run = mutate(checkout, "room/limit.py")
    assert re.search(r"^-- \d of \d noticed \(\d by hanging for \d+ s\), ", run.stdout, re.MULTILINE), (
        run.stdout
    )


def test_a_sentence_is_left_as_it_is_and_what_stands_in_it_is_not(checkout: Path) -> None:
    said = 'f"`{count + 0}` is too much"'
    (checkout / "room/limit.py").write_text(MODULE.replace('"that is too much"', said))
    run = mutate(checkout, "room/limit.py")
    assert {line.strip() for line in run.stdout.splitlines() if line.startswith("   ")} == {
        "room/limit.py:9: count + 0  →  count - 0",
        "room/limit.py:9: 0  →  1",
        "room/limit.py:9: 0  →  -1",
    }
    assert run.stdout.endswith("7 of 10 faults were noticed, 70.0 %\n")


def test_what_only_a_type_checker_reads_is_left_as_it_is(checkout: Path) -> None:
    named = MODULE.replace(
        "MOST", 'from typing import Literal, TypeAlias, TypeVar\nT = TypeVar("T")\nMOST', 1
    )
    aliased = named.replace("MOST", 'Answer: TypeAlias = Literal["yes", "no"]\nMOST', 1)
    (checkout / "room/limit.py").write_text(aliased)
    assert "7 of 7 faults were noticed" in mutate(checkout, "room/limit.py").stdout


def test_tests_that_fail_anyway_notice_nothing(checkout: Path) -> None:
    (checkout / "tests/room/test_limit.py").write_text("def test_it():\n    assert False\n")
    run = mutate(checkout, "room/limit.py")
    assert (run.returncode, run.stderr.splitlines()[0]) == (7, "error: the tests do not pass without a fault")


def test_tests_that_never_import_the_module_notice_nothing(checkout: Path) -> None:
    (checkout / "tests/room/test_limit.py").write_text("def test_it():\n    assert True\n")
    run = mutate(checkout, "room/limit.py")
    assert (run.returncode, run.stderr.splitlines()[0]) == (7, "error: the tests do not import the module")


def test_a_module_that_is_not_there_is_wrong_usage(checkout: Path) -> None:
    run = mutate(checkout, "room/nothing.py")
    assert (run.returncode, run.stderr.splitlines()[0]) == (2, "error: there is no module `room/nothing.py`")


def test_an_interrupt_leaves_the_working_tree_as_it_was(checkout: Path) -> None:
    (checkout / "tests/room/test_limit.py").write_text("import time\n" + TESTS + "    time.sleep(3)\n")
    command = [sys.executable, str(checkout / "scripts/mutate"), "room/limit.py"]
    run = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline().startswith("== room/limit.py")
    time.sleep(1)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=20) == 128 + signal.SIGINT
    assert (checkout / "room/limit.py").read_text() == MODULE
    run.stdout.close()


def test_what_a_long_run_makes_faults_in_is_there() -> None:
    script = (ROOT / "scripts/test").read_text(encoding="utf-8")
    named = re.findall(r"^notice (\S+)", script, re.MULTILINE)
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []
