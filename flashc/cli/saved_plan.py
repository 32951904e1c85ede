"""Read a plan that `flashc plan -o` has written."""

from __future__ import annotations

from pathlib import Path

import click

from flashc_backends.deploy.plan import Plan
from flashc_core.documents import UnreadableDocument, decode_json


def read_plan(file: Path) -> Plan:
    """Return a saved plan.

    Raises:
        click.ClickException: the file can't be read, or is no plan of this version of flashc.
    """
    try:
        return decode_json(file.read_bytes(), Plan)
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from error
    except UnreadableDocument as error:
        raise click.UsageError(
            f"{file} is not a plan of this version of flashc: {error}; "
            "write it with `flashc plan -o FILE`"
        ) from error
