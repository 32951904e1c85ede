"""`flashc cache`: show how large the cache is, or remove all its entries."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import click

from flashc_core.cache import LIMIT, Store, open_store

from .main import EXIT_ENVIRONMENT


@click.group("cache")
def command() -> None:
    """Show or empty the cache.

    The cache is in the folder that the variable FLASHC_CACHE_DIR names.  If the variable is not
    set, it is in the user's folder for caches.
    """


@command.command("info")
def info() -> None:
    """Print the folder of the cache, and its size by kind of entry."""
    store = open_store()
    with _reporting(store):
        used = store.usage()
    click.echo(f"{store.folder}")
    for usage in used:
        click.echo(f"{usage.kind:<12}{usage.entries:>8} entries {_size(usage.size):>12}")
    total = sum(usage.size for usage in used)
    click.echo(f"{'all':<12}{sum(u.entries for u in used):>8} entries {_size(total):>12}")
    click.echo(f"limit {_size(LIMIT)}; the least recently used entries are removed first")


@command.command("clear")
def clear() -> None:
    """Remove all entries of the cache.

    The next build takes longer, and its result is the same.
    """
    store = open_store()
    with _reporting(store):
        total = sum(usage.size for usage in store.usage())
        store.clear()
    click.echo(f"{_size(total)} freed")


class _Unusable(click.ClickException):
    """The cache can't be read or emptied."""

    exit_code = EXIT_ENVIRONMENT


@contextmanager
def _reporting(store: Store) -> Generator[None]:
    """Report a cache that can't be read or emptied as a problem of the environment."""
    try:
        yield
    except OSError as error:
        raise _Unusable(f"{store.folder}: {error.strerror}") from error


def _size(count: int) -> str:
    """Return a size in bytes as text, in MiB."""
    return f"{count / 1024**2:,.1f} MiB"
