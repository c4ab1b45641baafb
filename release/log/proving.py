"""Roots and proofs of the log, of any size that it has had, from a few dozen rows in one query.

What is read never changes, so a proof for an earlier size is the same whatever was appended since.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from itertools import cycle
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, or_, select

from contract.merkle import EMPTY_ROOT, fold
from contract.merkle_nodes import Node, Part, consistency_parts, inclusion_parts, nodes_between

from ..store.schema import log_head, log_nodes
from .not_whole import log_not_whole

_SIZE: Final = select(log_head.c.size).where(log_head.c.id == 1)
_NODES: Final = select(log_nodes.c.level, log_nodes.c.position, log_nodes.c.digest)


def size_of(connection: Connection) -> int:
    """How many entries the log has.

    Raises:
        BrokerRefused: `broker-not-ready`: the database has no log.
    """
    size = connection.execute(_SIZE).scalar()
    if size is None:
        raise log_not_whole()
    return int(size)


def root_at(connection: Connection, size: int) -> bytes:
    """The root over the first `size` entries.

    Raises:
        BrokerRefused: `broker-not-ready`: the log does not have so many.
    """
    return look_up(connection, sizes=(size,))[0][size]


def look_up(
    connection: Connection, *, sizes: Collection[int], included: tuple[int, int] | None = None
) -> tuple[dict[int, bytes], tuple[bytes, ...]]:
    """The root of each of `sizes`, as `root_at`, and the proof for `included`, an index and a size, as
    `prove_inclusion`: all by one query."""
    asked = [size for size in sizes if size]
    proving = () if included is None else inclusion_parts(*included)
    digests = _digests(connection, (*(nodes_between(0, size) for size in asked), *proving))
    return {0: EMPTY_ROOT, **dict(zip(asked, digests, strict=False))}, digests[len(asked) :]


def prove_inclusion(connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
    """The proof that the entry at `index` is among the first `size`.

    Raises:
        IndexError: it cannot be: `index` is not below `size`.
        BrokerRefused: `broker-not-ready`: the log does not have so many.
    """
    return _digests(connection, inclusion_parts(index, size))


def prove_consistency(connection: Connection, old: int, size: int) -> tuple[bytes, ...]:
    """The proof that the first `size` entries begin with the first `old`; nothing where `old` is 0.

    Raises:
        IndexError: `old` is more than `size`.
        BrokerRefused: `broker-not-ready`: the log does not have so many.
    """
    return _digests(connection, consistency_parts(old, size)) if old else ()


def nodes_at(connection: Connection, nodes: Collection[Node]) -> dict[Node, bytes]:
    """The digests of these nodes, each named once.

    Raises:
        BrokerRefused: `broker-not-ready`: one is not there.
    """
    if not nodes:
        return {}
    count = 1 << (len(nodes) - 1).bit_length()  # few different queries, so that a database has each at hand
    named: dict[str, int] = {}
    for number, (level, place) in zip(range(count), cycle(nodes), strict=False):
        named |= {f"level_{number}": level, f"place_{number}": place}
    rows = connection.execute(_nodes(count), named)
    found = {(row.level, row.position): row.digest for row in rows}
    if len(found) < len(nodes):
        raise log_not_whole()
    return found


def _digests(connection: Connection, parts: Sequence[Part]) -> tuple[bytes, ...]:
    found = nodes_at(connection, dict.fromkeys(node for part in parts for node in part))
    return tuple(fold([found[node] for node in part]) for part in parts)


@cache
def _nodes(count: int) -> Select[Any]:
    """The query of so many nodes, built once: that takes longer than the database needs to answer it.

    A list of pairs would be one condition more, and SQLite looks at every row for such.
    """
    return _NODES.where(
        or_(
            *(
                and_(
                    log_nodes.c.level == bindparam(f"level_{number}"),
                    log_nodes.c.position == bindparam(f"place_{number}"),
                )
                for number in range(count)
            )
        )
    )
