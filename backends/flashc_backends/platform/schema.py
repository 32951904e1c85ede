"""Create the tables of the store's database, and migrate a database of an earlier version."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

_FILES = ("schema.sql", "schema_2.sql")
"""One file of SQL for each version; it changes a database of the version before."""


class NewerVersion(Exception):
    """A newer version of flashc wrote the database."""


def migrate(connection: sqlite3.Connection) -> None:
    """Change a database of an earlier version, or an empty one, to the newest version.

    Raises:
        NewerVersion: a newer version of flashc wrote the database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_FILES):
        raise NewerVersion(f"the database has version {version}, this flashc knows {len(_FILES)}")
    folder = files("flashc_backends.platform")
    for number, name in enumerate(_FILES[version:], version + 1):
        statements = folder.joinpath(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {statements}; PRAGMA user_version={number}; COMMIT;")
