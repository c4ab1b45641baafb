"""An entry is appended in the caller's transaction; the tree over the entries is to come."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from ..store import schema


def append(connection: Connection, leaf: bytes) -> int:
    """The leaf's place, from 0."""
    head = schema.log_head
    size = int(connection.execute(select(head.c.size).with_for_update()).scalar_one())
    connection.execute(insert(schema.log_entries).values(position=size, leaf=leaf))
    connection.execute(update(head).values(size=size + 1))
    return size
