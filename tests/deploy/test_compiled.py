"""Bytecode is what this interpreter makes of its source, or it is not; nobody's bytecode is loaded."""

from __future__ import annotations

import importlib.util
import marshal
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compiled import TAG, is_compiled_of, is_of_this_interpreter

SOURCE = b'''\
"""A module."""
import os
NAMES = frozenset({"a", "b"})
def f(x, *, y=1.5, z=2j):
    """Says it."""
    return [x in {"a", "b", "c"} for _ in (1, 10**30, -5, None, ..., "\xc3\xa9", b"bytes")]
class C:
    async def m(self):
        return lambda: (yield)
'''


@pytest.fixture
def written(tmp_path: Path) -> tuple[bytes, str]:
    """Bytecode as the Dockerfile's own command writes it, and the name in it."""
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    command = [sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(tmp_path)], check=True)
    return (tmp_path / "__pycache__" / f"module.{TAG}.pyc").read_bytes(), str(path)


def test_what_the_compiler_wrote_is_recognised(written: tuple[bytes, str]) -> None:
    data, name = written
    assert is_of_this_interpreter(data)
    assert is_compiled_of(data, SOURCE, filename=name)


def test_another_source_or_another_name_is_not_it(written: tuple[bytes, str]) -> None:
    data, name = written
    assert not is_compiled_of(data, SOURCE + b"# more\n", filename=name)
    assert not is_compiled_of(data, SOURCE, filename="/elsewhere.py")


def test_code_of_another_source_under_the_hash_of_this_one_is_not_it(written: tuple[bytes, str]) -> None:
    """What an unchecked hash lets in: an import would run it."""
    data, name = written
    evil = marshal.dumps(compile(b"import os; os.environ", name, "exec"))
    assert not is_compiled_of(data[:16] + evil, SOURCE, filename=name)


def test_every_byte_counts(written: tuple[bytes, str]) -> None:
    data, name = written
    taken = 0
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 0x01
        taken += is_compiled_of(bytes(changed), SOURCE, filename=name)
    # A letter's kind (`interned` or not) is no value of it, and few of those are one bit apart.
    assert taken < len(data) / 20
    assert not is_compiled_of(data + b"x", SOURCE, filename=name)
    assert not any(is_compiled_of(data[:end], SOURCE, filename=name) for end in range(0, len(data), 5))


def test_checked_bytecode_is_not_taken_for_unchecked(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    for mode in (py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.CHECKED_HASH):
        compiled = Path(str(py_compile.compile(str(path), invalidation_mode=mode)))
        assert not is_compiled_of(compiled.read_bytes(), SOURCE, filename=str(path))


def test_another_interpreter_s_is_not_compared() -> None:
    assert not is_of_this_interpreter(b"\x00\x00\r\n" + bytes(20))


def test_a_text_whose_bytes_mean_another_one_is_not_it(written: tuple[bytes, str]) -> None:
    """`é` in UTF-8 is two other letters in Latin-1, as which the short kinds of text are read."""
    data, name = written
    place = data.index(b"\x02\0\0\0\xc3\xa9")
    assert chr(data[place - 1] & 0x7F) == "u"
    short = data[: place - 1] + bytes([data[place - 1] & 0x80 | ord("a")]) + data[place:]
    assert not is_compiled_of(short, SOURCE, filename=name)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xf2" + b"\x00" * 4, id="a reference into itself"),
        pytest.param(b"(" + b"\xff" * 4, id="a tuple of less than nothing"),
        pytest.param(b")\x01" * 5000, id="nested too deep"),
        pytest.param(b"s\xff\xff\xff\x7f", id="bytes that are not there"),
        pytest.param(b"[\x00\x00\x00\x00", id="a list, which no code has"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_hostile_bytecode_is_no_error_and_no_match(body: bytes) -> None:
    header = importlib.util.MAGIC_NUMBER + b"\x01\0\0\0" + importlib.util.source_hash(SOURCE)
    assert not is_compiled_of(header + body, SOURCE, filename="m.py")


def test_a_source_that_does_not_compile_has_no_bytecode() -> None:
    bad = b"def"
    header = importlib.util.MAGIC_NUMBER + b"\x01\0\0\0" + importlib.util.source_hash(bad)
    assert not is_compiled_of(header + b"N", bad, filename="m.py")
