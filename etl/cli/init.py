"""`etl init`."""

from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.config.proposal import Status
from etl.pipeline.init import InitResult, run_init


@click.command("init")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("job.toml"),
    show_default=True,
    help="The job file to write.",
)
@click.option("--force", is_flag=True, help="Overwrite the job file if it is there already.")
@click.option("--encoding", help="What CSV files are written in when it is not UTF-8, such as cp1252.")
@options.as_json
def command(
    files: tuple[str, ...],
    output: Path,
    force: bool,  # noqa: FBT001  a flag of the command line
    encoding: str | None,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Look at an export and write a commented job file for it.

    FILES are CSV, Parquet or JSON lines files, folders or patterns of one export; tables that belong to it
    (users, tickets, conversations) may be among them. What can't be known is left open in the job file,
    marked "needed".
    """
    result = run_init(files, output, overwrite=force, encoding=encoding)
    if as_json:
        give(_as_json(result), as_typed=True)
        return 0
    for line in _lines(result):
        say(line)
    return 0


def _as_json(result: InitResult) -> dict[str, object]:
    proposal = result.proposal
    return {
        "job_file": str(result.path),
        "preset": proposal.preset,
        "title": proposal.title,
        "complete": result.complete,
        "job": proposal.job(),
        "settings": [
            {
                "setting": ".".join(filter(None, (item.table, item.key))),
                "value": item.value,
                "status": item.status,
                "why": item.why,
            }
            for item in proposal.settings
        ],
        "second_files": [
            {
                "kind": second.kind,
                "what": second.what,
                "needed": second.needed,
                "files": second.files,
                "table": second.table,
            }
            for second in proposal.seconds
        ],
        "needed": proposal.open_points(Status.NEEDED),
        "warnings": proposal.warnings,
        "notes": proposal.notes,
        "rows": proposal.rows,
        "seen": proposal.seen,
    }


def _lines(result: InitResult) -> list[str]:
    proposal = result.proposal
    known = f"{proposal.title} (preset {proposal.preset})" if proposal.preset else proposal.title
    columns = proposal.job().get("columns", {})
    lines = [
        f"export   {known}",
        *(f"column   {name} = {_shown(value)}" for name, value in columns.items()),
        *(f"second   {second.what}: {_use(second.files)}" for second in proposal.seconds),
        *(f"needed   {name}" for name in proposal.open_points(Status.NEEDED)),
        *(
            f"decide   {item.table}: {item.value!r}"
            for item in proposal.settings
            if item.status is Status.DECIDE
        ),
        *(f"look     {warning}" for warning in proposal.warnings),
        f"job      {result.path}",
    ]
    if result.complete:
        lines.append(f"next     read {result.path}, then: etl check {result.path}")
    else:
        lines.append(f"next     fill in what is needed in {result.path}, then: etl check {result.path}")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"whoever wrote as a customer in the same {value['customer_of']}"
    return str(value)


def _use(files: tuple[str, ...]) -> str:
    return ", ".join(files) if files else "not given"
