"""The migrations make the tables that the program has, on both databases, from whatever stood before.

alembic reads `release.store.migrations.env` and `release.store.migrations.versions.r0001` by their paths.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, select, text

from release.store import migrating, schema
from release.store.engine import MigrationMissing, check_migrated, reading, writing
from release.store.migrating import migrate
from release.store.migrations import HEAD

ROOT = Path(__file__).parents[3]


def test_the_migrations_make_the_tables_that_the_program_has(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.METADATA) == []


def test_the_newest_revision_is_the_one_that_the_program_wants() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrating._FOLDER))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    assert [each.revision for each in scripts.walk_revisions()] == [HEAD]


def test_to_migrate_twice_changes_nothing(new_url: str, open_database: Callable[[str], Engine]) -> None:
    engine = open_database(new_url)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(insert(schema.meta).values(name="a", value="1"))
    migrate(engine)
    check_migrated(engine)
    with reading(engine) as connection:
        assert connection.execute(select(schema.meta.c.value)).scalars().all() == ["1"]
        assert connection.execute(select(schema.log_head)).all() == [(1, 0)]


MIGRATE = """
import sys
from release.store.engine import open_engine
from release.store.migrating import migrate
sys.stdin.readline()
migrate(open_engine(sys.argv[1]))
"""


def test_two_that_migrate_at_once_do_it_one_after_the_other(
    new_url: str, open_database: Callable[[str], Engine]
) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, new_url],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]  # fmt: skip
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate()[1] for each in started]
    assert [each.returncode for each in started] == [0, 0], said
    check_migrated(open_database(new_url))


def test_tables_of_a_later_version_are_left_alone(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MigrationMissing, match="of a newer version of this program"):
        migrate(engine)


def test_a_migration_that_fails_leaves_nothing(
    new_url: str, open_database: Callable[[str], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(new_url)

    def fail(*arguments: Any) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    real = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", fail)
        with pytest.raises(KeyboardInterrupt):
            migrate(engine)
    assert inspect(engine).get_table_names() == []
    migrate(engine)
    check_migrated(engine)


def test_the_first_revision_can_be_undone(engine: Engine) -> None:
    with writing(engine) as connection:
        command.downgrade(migrating._config(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
