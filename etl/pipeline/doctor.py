"""`etl doctor`: is everything ready? Each part is looked at, also after another one has failed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.config.load import JobFile, load_job
from etl.config.workspace import workspace
from etl.errors import EtlError, ExitCode
from etl.pipeline import loops
from etl.pipeline.embedding import embedded_target
from etl.pipeline.finding import Finding, failed_by, passed, worst
from etl.pipeline.house import disk_finding, ledger_findings, lock_finding, state_findings, told_findings
from etl.pipeline.reach import target_findings
from etl.pipeline.supplies import files_finding, token_findings


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorResult:
    """All checks, in the order in which an import would meet them."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Return the gravest of the checks' exit codes."""
        return worst(self.findings)


def run_doctor(path: Path, *, sandbox: bool) -> DoctorResult:
    """Look at everything that an import of this job needs. Sends no message and makes no file."""
    try:
        job_file = load_job(path)
    except EtlError as error:
        return DoctorResult(findings=(failed_by("job", error),))
    return DoctorResult(findings=tuple(_findings(job_file, sandbox=sandbox)))


def _findings(job_file: JobFile, *, sandbox: bool) -> Iterator[Finding]:
    job = job_file.job
    space = workspace(job_file.state, job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    yield passed("job", f"{job_file.path}: source {job.source}, target {space.target}")
    yield passed("loop", loops.seen(job.replay.loop))
    files, size = files_finding(job_file)
    yield files
    if sandbox:
        yield passed("token", "the sandbox has one of its own")
        yield from _sandbox_findings(job_file)
    else:
        yield from token_findings(job_file)
        yield from target_findings(
            job.target, folder=job_file.folder, timeout_seconds=job.replay.timeout_seconds
        )
    yield from state_findings(space)
    yield disk_finding(job_file, space, needed_bytes=size)
    yield from ledger_findings(space)
    yield lock_finding(space)
    yield from told_findings(job_file)


def _sandbox_findings(job_file: JobFile) -> Iterator[Finding]:
    job = job_file.job
    try:
        with embedded_target(job.target, store=None) as (target, _):
            yield from target_findings(
                target, folder=job_file.folder, timeout_seconds=job.replay.timeout_seconds
            )
    except EtlError as error:
        yield failed_by("target", error)
