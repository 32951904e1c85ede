"""Bring the database to the version that this flashc knows."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

_FILES = ("schema.sql", "schema_2.sql")
"""The statements for each version, which change the database of the one before it."""


class NewerVersion(Exception):
    """A newer flashc wrote the database."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to this version.

    Raises:
        NewerVersion: a newer flashc wrote it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_FILES):
        raise NewerVersion(f"the database has version {version}, this flashc knows {len(_FILES)}")
    folder = files("flashc_backends.platform")
    for number, name in enumerate(_FILES[version:], version + 1):
        statements = folder.joinpath(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {statements}; PRAGMA user_version={number}; COMMIT;")
