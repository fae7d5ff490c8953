"""An import of which others are told: monitors while it runs, a command and a web hook at its end."""

from collections.abc import Callable

from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import EtlError, ExitCode
from etl.model.events import Event
from etl.pipeline.monitoring import Monitoring
from etl.pipeline.notice import notice_of, notice_of_error
from etl.pipeline.notify import tell
from etl.pipeline.result import ImportResult
from etl.pipeline.run import ImportWish, run_import


def run_told_import(job_file: JobFile, wish: ImportWish, observe: Callable[[Event], None]) -> ImportResult:
    """Run an import, whatever its end tell it; telling changes neither result nor error.

    Raises:
        EtlError: as `run_import`.
    """
    folder = workspace(job_file.state, job_file.job.target, sandbox=wish.send.sandbox).folder
    monitoring = Monitoring(job_file, folder=folder, observe=observe)

    def observe_all(event: Event) -> None:
        observe(event)
        monitoring(event)

    ended = ExitCode.TERMINATED
    try:
        result = run_import(job_file, wish, observe_all)
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
