"""A command that sends, and of which others are told: while it runs, and at its end."""

from collections.abc import Callable

from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import EtlError, ExitCode
from etl.model.events import Event
from etl.pipeline.monitoring import Monitoring
from etl.pipeline.notice import notice_of, notice_of_error
from etl.pipeline.notify import tell
from etl.pipeline.result import ImportResult

Observe = Callable[[Event], None]


def told(
    job_file: JobFile, run: Callable[[Observe], ImportResult], observe: Observe, *, sandbox: bool
) -> ImportResult:
    """Call `run` with an observer, and whatever its end tell it; telling changes neither result nor error.

    Raises:
        EtlError: as `run`.
    """
    folder = workspace(job_file.state, job_file.job.target, sandbox=sandbox).folder
    monitoring = Monitoring(job_file, folder=folder, observe=observe)

    def observe_all(event: Event) -> None:
        observe(event)
        monitoring(event)

    ended = ExitCode.TERMINATED
    try:
        result = run(observe_all if monitoring.watches else observe)
        ended = result.exit_code
    except KeyboardInterrupt:
        ended = ExitCode.INTERRUPTED
        raise
    except Exception as error:
        ended = error.exit_code if isinstance(error, EtlError) else ExitCode.DEFECT
        tell(job_file, notice_of_error(error, job_file.job), observe)
        raise
    finally:
        monitoring.ended(ended)
    tell(job_file, notice_of(result, job_file.job), observe)
    return result
