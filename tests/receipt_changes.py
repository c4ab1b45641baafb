"""What a receipt can have wrong with it: changes of a draft, and of what is demanded of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.dsse import public_key_of
from contract.row_proof import RowProof, prove_row
from tests.receipts import (
    IMAGE,
    NOW,
    Draft,
    broker_identity,
    rows_in,
    subjects_of,
)

PART = "result-00000.jsonl"
NOBODY = "sha256:" + "0" * 64


@dataclass(slots=True, kw_only=True)
class Asked:
    """What is demanded of a receipt, and the root that is trusted."""

    with_results: bool = True
    root: str = "root"
    emulator: bool = False
    image_digest: str | None = IMAGE
    policy: str | None = None
    at: int = NOW + 60
    proof: Callable[[Draft], RowProof] | None = None
    broker_key: str | None = None


Change = Callable[[Draft, Asked], object]


@dataclass(frozen=True, slots=True)
class Vector:
    """`sentence` says what is in it, `expected` is `verified` or the class that has to be named."""

    sentence: str
    expected: str
    change: Change = field(default=lambda draft, asked: None)


def seal(draft: Draft) -> None:
    """The statement is of the results as they are now."""
    draft.statement["subject"] = subjects_of(draft.results)


def edit(draft: Draft, name: str, old: bytes, new: bytes, *, sealed: bool = False) -> None:
    assert draft.results[name].count(old) >= 1
    draft.results[name] = draft.results[name].replace(old, new, 1)
    if sealed:
        seal(draft)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def swap_rows(draft: Draft) -> None:
    lines = draft.results[PART].splitlines(keepends=True)
    lines[5], lines[6] = lines[6], lines[5]
    draft.results[PART] = b"".join(lines)
    seal(draft)


def another_row(draft: Draft) -> RowProof:
    rows = rows_in(draft.results)
    proof = prove_row(rows, 7)
    return RowProof(index=7, size=proof.size, row=rows[8], hashes=proof.hashes)


def emulated(draft: Draft, asked: Asked, *, as_one: bool = True) -> None:
    draft.claims["symbolon_emulator"] = True
    draft.predicate["mode"] = "emulator"
    draft.predicate["network"] = {"proxy": True, "private_ca": True}
    asked.emulator = as_one


def set(target: object, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        setattr(target, name, value)


def emulated_production(draft: Draft, asked: Asked) -> None:
    emulated(draft, asked)
    draft.predicate["mode"] = "production"


def proxied_beside_an_emulator(draft: Draft, asked: Asked) -> None:
    draft.predicate["network"] = {"proxy": True, "private_ca": False}
    asked.emulator = True


def without_results(change: Callable[[Draft], object]) -> Change:
    def changed(draft: Draft, asked: Asked) -> None:
        asked.with_results = False
        change(draft)

    return changed


def said(**changes: object) -> Change:
    return lambda draft, asked: draft.predicate.update(changes)


def claimed(**changes: object) -> Change:
    return lambda draft, asked: draft.claims.update(changes)


def contained(**changes: object) -> Change:
    return lambda draft, asked: draft.container.update(changes)


def demanded(**changes: object) -> Change:
    return lambda draft, asked: set(asked, changes)


def made(**changes: object) -> Change:
    return lambda draft, asked: set(draft, changes)


def released(*, key: str | None = "broker", after: Change = lambda draft, asked: None, **how: Any) -> Change:
    """A broker has released the model's key, and its key is given, or another's."""

    def changed(draft: Draft, asked: Asked) -> None:
        draft.release(**how)
        asked.broker_key = None if key is None else public_key_of(broker_identity(key)).text
        after(draft, asked)

    return changed


def logged(**changes: object) -> Change:
    return lambda draft, asked: draft.predicate["release"]["logged"].update(changes)


def grown(draft: Draft, asked: Asked) -> None:
    """The checkpoint says that there is one entry more."""
    logged = draft.predicate["release"]["logged"]
    logged["checkpoint"] = logged["checkpoint"].replace("\n7\n", "\n8\n", 1)
