"""What `settle` and `retry` share: how messages are named, and how those that are meant are shown."""

from typing import Any

import click

from etl.cli.entries import entry_line
from etl.cli.gathered import gathered
from etl.pipeline.choosing import Choice, Chosen
from etl.report.entries import entry_json

choosing = gathered(
    "choice",
    Choice,
    click.argument("keys", nargs=-1),
    click.option("--lane", "lanes", multiple=True, metavar="USER", help="Those of a user; repeatable."),
    click.option(
        "--code",
        "codes",
        multiple=True,
        metavar="CODE",
        help="Those with a reason, as http_422, timeout, restored, or with an HTTP status, as 422.",
    ),
    click.option("--run", "runs", multiple=True, type=click.IntRange(min=1), help="Those of a run."),
    click.option("--all", "everything", is_flag=True, help="All, instead of naming any."),
)
"""Adds what names messages of the ledger, as `choice`."""


def chosen_json(chosen: Chosen) -> dict[str, Any]:
    """Return what was chosen for machines."""
    return {
        "chosen": chosen.messages,
        "by_code": chosen.by_code,
        "listed": [entry_json(entry) for entry in chosen.listed],
    }


def chosen_lines(chosen: Chosen) -> list[str]:
    """Return what was chosen for people: counts by code and the first few."""
    codes = ", ".join(f"{count:,} {code}" for code, count in chosen.by_code.items())
    lines = [f"chosen   {chosen.messages:,} messages" + (f": {codes}" if codes else "")]
    lines += [entry_line(entry) for entry in chosen.listed]
    if chosen.messages > len(chosen.listed):
        lines.append(f"         and {chosen.messages - len(chosen.listed):,} more")
    return lines
