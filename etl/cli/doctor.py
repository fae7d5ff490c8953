"""`etl doctor`."""

from dataclasses import asdict
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.errors import ExitCode
from etl.pipeline.doctor import DoctorResult, run_doctor


@click.command("doctor")
@options.job
@options.sandbox
@options.as_json
def command(job: Path, sandbox: bool, as_json: bool) -> int:  # noqa: FBT001  flags of the command line
    """Look whether everything is ready for an import: job, files, token, target, disk, ledger, lock.

    Sends no message and makes no file but one that it removes, where the state is in an object store. Each
    line is ok, warn or fail; the exit code is that of the gravest. 0: ready. The token's worth can only be
    tried by a message: `etl send`.
    """
    result = run_doctor(job, sandbox=sandbox)
    if as_json:
        data = {"findings": [asdict(finding) for finding in result.findings], "exit_code": result.exit_code}
        give(data)
        return result.exit_code
    for line in _lines(result):
        say(line)
    return result.exit_code


def _lines(result: DoctorResult) -> list[str]:
    lines = []
    for finding in result.findings:
        first, *rest = finding.seen.splitlines() or [""]
        lines.append(f"{finding.level.value:<5} {finding.name:<9} {first}")
        lines += [f"{'':<15} {line.strip()}" for line in rest]
        if finding.remedy:
            lines.append(f"{'':<15} -> {finding.remedy}")
    lines.append(_verdict(result))
    return lines


def _verdict(result: DoctorResult) -> str:
    names = ", ".join(finding.name for finding in result.findings if finding.exit_code is not ExitCode.OK)
    return f"not ready: {names} (exit code {result.exit_code.value})" if names else "ready"
