"""Whether a file of bytecode is what this interpreter compiles of a source: a claim that decides what runs.

The image's bytecode is not checked against its source when it is imported (`unchecked-hash`), so a source
that is in order says nothing of it. It is compiled again here. Two runs of one compiler write equal code with
other back references, so both are taken apart and compared by value; nobody's bytecode is loaded for that.

Source: cpython 3.11 to 3.13, Python/marshal.c and Lib/importlib/_bootstrap_external.py; PEP 552.
"""

from __future__ import annotations

import importlib.util
import marshal
import struct
import sys
import warnings
from typing import Any, Final

_HEADER: Final = 16
_UNCHECKED_HASH: Final = struct.pack("<I", 0b01)
_FLAG_REF: Final = 0x80
_DEEPEST: Final = 200
_CODE_INTEGERS: Final = 5
_CODE_OBJECTS: Final = 8  # code, consts, names, localsplusnames, localspluskinds, filename, name, qualname
_CODE_TABLES: Final = 2  # linetable, exceptiontable, after firstlineno

COMPILER: Final = f"CPython {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
TAG: Final = str(sys.implementation.cache_tag)
"""What stands in the names of files that this interpreter reads: `cpython-311`."""


def is_of_this_interpreter(data: bytes) -> bool:
    """Whether this interpreter's compiler wrote such bytecode: that of another one is not compared."""
    return data[:4] == importlib.util.MAGIC_NUMBER


def is_compiled_of(data: bytes, source: bytes, *, filename: str) -> bool:
    """Whether `data`, a file of bytecode, is what `source` compiles to, under that name, by its hash.

    INVARIANT: `data` is parsed here and never given to `marshal` or to the interpreter.
    """
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    if data[:_HEADER] != header:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of somebody else's source
        try:
            code = compile(source, filename, "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError, RecursionError):
            return False
    written = marshal.dumps(code)
    if data[_HEADER:] == written:
        return True
    try:
        return bool(_Parsed(data[_HEADER:]).whole() == _Parsed(written).whole())
    except (ValueError, IndexError, struct.error, RecursionError, TypeError):
        return False


class _Parsed:
    """A marshalled object as plain tuples, each (type, value), with its back references followed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._kept: list[Any] = []

    def whole(self) -> Any:
        value = self._object(0)
        if self._at != len(self._data):
            raise ValueError
        return value

    def _take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise ValueError
        self._at += count
        return self._data[self._at - count : self._at]

    def _integer(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _object(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError
        tag = self._take(1)[0]
        kind = chr(tag & ~_FLAG_REF)
        if kind == "r":
            kept = self._kept[self._integer()]
            if kept is None:
                raise ValueError  # it leads into itself, as no constant does
            return kept
        place = None
        if tag & _FLAG_REF:
            place = len(self._kept)
            self._kept.append(None)
        value = self._value(kind, depth + 1)
        if place is not None:
            self._kept[place] = value
        return value

    def _value(self, kind: str, depth: int) -> Any:
        if kind in "NFTS.":
            return (kind,)
        if kind == "i":
            return (kind, self._integer())
        if kind == "l":
            count = self._integer()
            return (kind, count, self._take(2 * abs(count)))
        if kind in "gy":
            return (kind, self._take(8 if kind == "g" else 16))
        if kind in "zZaA":
            text = self._take(self._take(1)[0] if kind in "zZ" else self._integer())
            if not text.isascii():
                raise ValueError  # read as Latin-1, it is another text than the same bytes in UTF-8
            return ("text", text)
        if kind in "ut":
            return ("text", self._take(self._integer()))
        if kind == "s":
            return (kind, self._take(self._integer()))
        if kind in ")(":
            count = self._take(1)[0] if kind == ")" else self._integer()
            return ("tuple", tuple(self._object(depth) for _ in range(count)))
        if kind == ">":
            return (kind, tuple(sorted((self._object(depth) for _ in range(self._integer())), key=repr)))
        if kind == "c":
            return self._code(depth)
        raise ValueError

    def _code(self, depth: int) -> Any:
        integers = tuple(self._integer() for _ in range(_CODE_INTEGERS))
        objects = tuple(self._object(depth) for _ in range(_CODE_OBJECTS))
        first_line = self._integer()
        tables = tuple(self._object(depth) for _ in range(_CODE_TABLES))
        return ("code", integers, objects, first_line, tables)
