"""The revisions of the broker's tables, from the first one on.

Source: alembic.sqlalchemy.org, "Tutorial" and "Cookbook: programmatic API use".
"""

HEAD = "0001"
"""The revision that this version of the program reads and writes; the newest in `versions/`."""
