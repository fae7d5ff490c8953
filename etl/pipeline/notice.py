"""What others are told of an import: numbers and reasons, no texts, no user ids. Pure."""

from dataclasses import asdict
from typing import Any

from etl import __version__
from etl.config.job import Job
from etl.errors import EtlError, ExitCode
from etl.pipeline.result import ImportResult
from etl.report.summary import states_line


def notice_of(result: ImportResult, job: Job) -> dict[str, Any]:
    """Return the notice of an import that came to its end."""
    counts = result.plan.summary.conservation
    return {
        **_head(job, result.exit_code, states_line(asdict(result.states))),
        "target": result.space.target,
        "plan": result.plan.summary.hash,
        "planned": counts.planned,
        "rejects": counts.rejects,
        "states": asdict(result.states),
        "sent": result.sent,
        "seconds": round(result.seconds, 3),
        "stop": result.stop.message if result.stop else None,
        "report": result.space.shown(result.report.absolute()) if result.report else None,
    }


def notice_of_error(error: Exception, job: Job) -> dict[str, Any]:
    """Return the notice of an import that an error ended; of a defect the type alone."""
    if isinstance(error, EtlError):
        message, hint, code = error.message, error.hint, error.exit_code
    else:
        message, hint, code = f"a defect of etl: {type(error).__name__}", "", ExitCode.DEFECT
    return {**_head(job, code, message), "error": message, "hint": hint, "report": None}


def _head(job: Job, exit_code: ExitCode, words: str) -> dict[str, Any]:
    return {
        "text": f"etl import of {job.source}: exit code {exit_code.value}, {words}",
        "source": job.source,
        "deployment_id": job.target.deployment_id,
        "exit_code": exit_code.value,
        "meaning": exit_code.meaning,
        "version": __version__,
    }
