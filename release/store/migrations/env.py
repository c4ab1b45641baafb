"""What alembic runs for each command: the migrations, on the connection that `migrating` gives it."""

from __future__ import annotations

from alembic import context

from release.store.schema import METADATA


def run() -> None:
    """The revisions that are asked for, in the transaction of whoever gave the connection."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        compare_type=True,
        transactional_ddl=True,
    )
    context.run_migrations()


if __name__ == "env_py":  # alembic's name for it; who imports it otherwise runs nothing
    run()
