"""`flashc explain`: print the page that documents a rule (one kind of finding)."""

from __future__ import annotations

import click

from flashc.report.explain import UnknownRule, find_rule, listing, page_text


@click.command("explain")
@click.argument("rule", required=False)
@click.option("--list", "show_list", is_flag=True, help="List all rules.")
def command(rule: str | None, show_list: bool) -> None:
    """Explain the diagnostic RULE, given by its code or its name."""
    if show_list:
        click.echo(listing(), nl=False)
        return
    if rule is None:
        raise click.UsageError("name a rule, such as FC104, or pass --list")
    try:
        click.echo(page_text(find_rule(rule)), nl=False)
    except UnknownRule as error:
        raise click.UsageError(str(error)) from error
