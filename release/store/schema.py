"""The broker's tables, the same on SQLite and on PostgreSQL.

Whoever writes more than one of them takes them in this order, so that no two wait for each other:

    challenges → documents → licences → leases → log_head

Times are seconds since the epoch by the broker's clock. Digests are `sha256:` and hex digits. A document
that somebody signed stands as its bytes. No key, no passphrase and no picture stands in any table: a data
key is wrapped by the master key, and an answer's is sealed to the workload that asked.

A change here is a new revision in `migrations/versions/`; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

POLICY: Final = "policy"
"""The kind of the document that is the owner's policy: one provider in Google's JSON, named `CURRENT`."""
CURRENT: Final = ""
"""The name of a document that there is one of."""
MOST: Final = 2**62
"""No count in a table becomes larger; what does not bind a licence is held against this."""

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(name, METADATA, *columns)


def _text(name: str, *rest: Any, **how: Any) -> Column[str]:
    return Column(name, Text, *rest, **({"nullable": False} | how))


def _number(name: str, *rest: Any, **how: Any) -> Column[int]:
    """A count or a time, of 64 bits; the database never makes one up."""
    return Column(name, BigInteger, *rest, **({"nullable": False, "autoincrement": False} | how))


def _bytes(name: str, **how: Any) -> Column[bytes]:
    return Column(name, LargeBinary, **({"nullable": False} | how))


meta: Final = _table("meta", _text("name", primary_key=True), _text("value"))
"""What the broker knows of itself: its own settings that have to be the same for all its processes."""

challenges: Final = _table(
    "challenges",
    _text("challenge", primary_key=True),
    _number("issued_at"),
    _number("ends_at", index=True),
    _text("request", nullable=True),
)
"""Those that were used, each by the request of that digest. Those that ended long ago are deleted."""

licences: Final = _table(
    "licences",
    _text("id", primary_key=True),
    _number("serial"),
    _bytes("envelope"),
    _number("revoked_at", nullable=True),
    _number("runs_used"),
    _number("pictures_used"),
)
"""`envelope` is what the owner signed, of the highest serial; a renewal goes on with what is used."""

leases: Final = _table(
    "leases",
    _text("id", primary_key=True),
    _text("licence", ForeignKey("licences.id")),
    _text("machine"),
    _text("image"),
    _text("manifest"),
    _number("begun_at"),
    _number("ends_at"),
    _number("pictures"),
    _text("job", nullable=True),
    _number("reported_at", nullable=True),
    _number("returned", nullable=True),
    _number("ended_at", nullable=True),
)
"""`machine` is the project and the instance that its token names. `job` and `returned` are of its report."""
Index("ix_leases_licence_ends_at", leases.c.licence, leases.c.ends_at)

log_head: Final = _table(
    "log_head",
    Column("id", Integer, primary_key=True, autoincrement=False),
    _number("size"),
)
"""One row, `id` 1: its lock is the turn of whoever appends."""

log_entries: Final = _table("log_entries", _number("position", primary_key=True), _bytes("leaf"))

log_nodes: Final = _table(
    "log_nodes",
    Column("level", Integer, primary_key=True, autoincrement=False),
    _number("position", primary_key=True),
    _bytes("digest"),
)
"""The roots of complete subtrees: level 0 are the leaves' digests."""

checkpoints: Final = _table("checkpoints", _number("size", primary_key=True), _text("text"))
"""What was signed, and what a witness added, by the size that it speaks of."""

releases: Final = _table(
    "releases",
    _text("request", primary_key=True),
    _text("challenge", unique=True),
    _text("lease", ForeignKey("leases.id"), index=True),
    _text("purpose"),
    _number("released_at"),
    _bytes("answer"),
    _number("entry_index", ForeignKey("log_entries.position"), unique=True),
)
"""`answer` is the release without checkpoint and proof, which are made anew each time that it is given."""

models: Final = _table(
    "models",
    _text("manifest", primary_key=True),
    _text("model_id"),
    _number("version"),
    _bytes("wrapped"),
)
"""`wrapped` is the data key, by the master key, with `broker.model_context` beside it."""

orders: Final = _table(
    "orders",
    _text("kind", primary_key=True),
    _number("sequence", primary_key=True),
    _text("digest", unique=True),
    _bytes("document"),
    _number("applied_at"),
    _number("entry_index", ForeignKey("log_entries.position"), unique=True),
)
"""What the owner ordered, numbered by its kind."""

documents: Final = _table(
    "documents",
    _text("kind", primary_key=True),
    _text("name", primary_key=True),
    _text("digest"),
    _bytes("body"),
)
"""What stands now: the policy (`POLICY`), templates, approvals, the epoch. `digest` is the body's SHA-256."""
