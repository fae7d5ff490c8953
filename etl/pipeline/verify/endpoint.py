"""Where the report is asked: the job's endpoint, or an embedded stand-in's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from etl.api.reports import ReportClient
from etl.api.transport import tls_context
from etl.config.load import JobFile
from etl.config.secrets import Secret, read_user_token
from etl.config.verify import ReportColumns, Verify
from etl.config.workspace import Workspace
from etl.errors import InputError, UsageError
from etl.sandbox.errors import SandboxError
from etl.sandbox.reports import REPORT_PATH
from etl.sandbox.serve import embedded

OF_SANDBOX: Final = Verify(
    columns=ReportColumns(id="id", order="message_id"), delay_minutes=0, pause_seconds=0
)
"""What the embedded stand-in's report is like, whatever the job says of the real one."""


def client_of(job_file: JobFile) -> ReportClient:
    """Return a client of the report that the job names.

    Raises:
        UsageError: the job doesn't say where it is, or there is no user token.
    """
    job, settings = job_file.job, job_file.job.verify
    if settings.path is None or settings.bot_id is None:
        raise UsageError(
            "verify.path and verify.bot_id say where the report is, and the job has not both",
            hint="ask Certainly for the path, and take the bot id from the builder's address bar; "
            "or read an e-mailed report with --from-file",
        )
    token = read_user_token(settings, folder=job_file.folder, environ=os.environ)
    url = (settings.base_url or job.target.base_url).rstrip("/") + settings.path
    ca_file = job.target.ca_file and job_file.resolve(job.target.ca_file)
    return ReportClient(settings, url=url, bot_id=settings.bot_id, token=token, tls=tls_context(ca_file))


@contextmanager
def client_of_sandbox(job_file: JobFile, space: Workspace) -> Iterator[ReportClient]:
    """Give a client of the embedded stand-in's report, which runs meanwhile.

    Raises:
        InputError: it can't run.
    """
    try:
        with embedded(space.sandbox_store, deployment_id=job_file.job.target.deployment_id) as running:
            yield ReportClient(
                OF_SANDBOX,
                url=running.base_url + REPORT_PATH,
                bot_id=running.bot_id,
                token=Secret(running.user_token),
                tls=tls_context(None),
            )
    except SandboxError as error:
        raise InputError(f"the embedded sandbox can't run: {error}") from error
