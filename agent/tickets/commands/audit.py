"""``kural tickets audit``."""

from __future__ import annotations

import json

import click

from agent import settings as settings_module
from agent.tickets.audit import accesses, take_over
from agent.tickets.calendar import IST
from agent.tickets.commands.common import opened, ticket_number
from agent.tickets.commands.dates import moment


@click.command("audit")
@click.option("--since", default="", metavar="DATE", help="From this day or time on (IST).")
@click.option("--until", default="", metavar="DATE", help="Up to and including this day (IST).")
@click.option("--who", default="", help="Only of this person.")
@click.option("--ticket", default="", metavar="NUMBER", help="Only about this ticket.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def audit_command(since: str, until: str, who: str, ticket: str, as_json: bool) -> None:
    """List who saw, changed or erased personal data, and why; oldest first."""
    start, end = moment("--since", since), moment("--until", until, end_of_day=True)
    number = ticket_number(ticket) if ticket else ""
    settings = settings_module.load()
    with opened(settings) as store:
        take_over(store.database, settings.data_dir)
        engine = store.database.engine
        for row in accesses(engine, since=start, until=end, who=who.strip(), number=number):
            if as_json:
                click.echo(json.dumps({**row, "at": row["at"].isoformat()}, ensure_ascii=False))
                continue
            at = row["at"].astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")
            facts = json.dumps(row["facts"], ensure_ascii=False)
            click.echo(f"{at}  {row['who']}  {row['action']}  {row['reason']}  {facts}")
