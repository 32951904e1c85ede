"""Read a plan that `flashc plan -o` has written."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from flashc_backends.deploy.plan import Plan


def read_plan(file: Path) -> Plan:
    """Return a saved plan.

    Raises:
        click.ClickException: the file can't be read, or is no plan of this version of flashc.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Plan)
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise click.UsageError(
            f"{file} is not a plan of this version of flashc: {error}; "
            "write it with `flashc plan -o FILE`"
        ) from error
