"""An entry is appended to the log, in the transaction of what it records.

    log_head      how many entries there are; its lock is the turn of whoever appends
    log_entries   the entries, as they stand in the tree
    log_nodes     the roots of all complete subtrees, which never change again

A transaction that is undone takes its entry with it, so no place is ever left empty.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, insert, update

from contract.merkle import leaf_digest, node_digest

from ..store.schema import log_entries, log_head, log_nodes
from .not_whole import log_not_whole
from .proving import nodes_at

MOST_LEAF_BYTES: Final = 2**16 - 1
"""Source: C2SP, tlog-tiles: the length of an entry has two bytes."""

_TAKE_A_PLACE: Final = (
    update(log_head).where(log_head.c.id == 1).values(size=log_head.c.size + 1).returning(log_head.c.size)
)
_ENTRY: Final = insert(log_entries)
_NODES: Final = insert(log_nodes)


def append(connection: Connection, leaf: bytes) -> int:
    """`leaf` is the log's last entry once the caller's transaction is committed; its index, from 0.

    INVARIANT: `log_head` is the last row that a transaction locks (`store.schema`), and from here until its
    end nobody else appends.

    Raises:
        ValueError: the leaf is empty, or longer than an entry may be.
        BrokerRefused: `broker-not-ready`: a node that has to be there is not.
    """
    if not 0 < len(leaf) <= MOST_LEAF_BYTES:
        raise ValueError(f"an entry of the log has 1 to {MOST_LEAF_BYTES} bytes")
    size = connection.execute(_TAKE_A_PLACE).scalar()
    if size is None:
        raise log_not_whole()
    index: int = size - 1
    connection.execute(_ENTRY, {"position": index, "leaf": leaf})
    for node in _new_nodes(connection, index, leaf_digest(leaf)):
        connection.execute(_NODES, node)
    return index


def _new_nodes(connection: Connection, index: int, digest: bytes) -> list[dict[str, object]]:
    """The leaf's node, and that of each subtree that it makes complete."""
    complete = (~index & index + 1).bit_length() - 1  # so many subtrees end with this leaf
    beside = [(level, (index >> level) - 1) for level in range(complete)]
    found = nodes_at(connection, beside)
    nodes: list[dict[str, object]] = [{"level": 0, "position": index, "digest": digest}]
    for node in beside:
        digest = node_digest(found[node], digest)
        nodes.append({"level": node[0] + 1, "position": node[1] >> 1, "digest": digest})
    return nodes
