"""The tables brought to this version, in one transaction: all of it, or nothing.

Two processes that begin at once do it one after the other; the second finds it done.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from .engine import check_not_newer, writing
from .migrations import HEAD

_FOLDER = Path(__file__).parent / "migrations"
_TURN = 0x73796D62  # of PostgreSQL's advisory locks, one for whoever migrates


def migrate(engine: Engine) -> None:
    """The database has the tables of this version; what stood in them stands there.

    Raises:
        MigrationMissing: they are those of a later version, and stay as they are.
        BrokerRefused: `database-unavailable`.
    """
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
        check_not_newer(MigrationContext.configure(connection).get_current_revision())
        command.upgrade(_config(connection), HEAD)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
