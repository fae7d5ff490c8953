"""Tells the job's command and web hook how an import ended. What fails here is a warning, never more."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from etl.api.webhook import post
from etl.config.load import JobFile
from etl.config.notice import Notify
from etl.errors import EtlError, ExitCode
from etl.model.events import Event, Warned


def tell(job_file: JobFile, notice: Mapping[str, Any], observe: Callable[[Event], None]) -> None:
    """Run the command and post to the web hook, if the job has them and wants this end told."""
    notify = job_file.job.notify
    if notify.on == "problem" and notice["exit_code"] == ExitCode.OK:
        return
    body = json.dumps(notice).encode()
    if notify.command:
        problem = _run(job_file, notice, body)
        if problem:
            observe(Warned(message=f"[notify] command {notify.command[0]}: {problem}"))
    if notify.webhook is not None:
        problem = _post(notify, notify.webhook, body)
        if problem:
            observe(Warned(message=f"[notify] webhook {problem}"))


def _post(notify: Notify, url: str, body: bytes) -> str | None:
    try:
        return asyncio.run(post(url, body, timeout_seconds=notify.timeout_seconds))
    except EtlError as error:
        return error.message


def _run(job_file: JobFile, notice: Mapping[str, Any], body: bytes) -> str | None:
    notify = job_file.job.notify
    try:
        process = subprocess.Popen(  # noqa: S603  the operator's own program, without a shell
            list(notify.command),
            cwd=job_file.folder,
            env=_environment(job_file, notice),
            stdin=subprocess.PIPE,
            # Ours are for results and logs that programs read.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"can't be started: {getattr(error, 'strerror', None) or type(error).__name__}"
    try:
        process.communicate(body, timeout=notify.timeout_seconds)
    except subprocess.TimeoutExpired:
        return f"took longer than {notify.timeout_seconds:g} s and was ended"
    finally:
        _end(process)
    return f"ended with {process.returncode}" if process.returncode else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program that still runs, and what it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _environment(job_file: JobFile, notice: Mapping[str, Any]) -> dict[str, str]:
    """Return our environment without token and key, and with what the program may want to know."""
    secret = {job_file.job.target.token_env, job_file.job.users.key_env}
    kept = {name: value for name, value in os.environ.items() if name not in secret}
    return {**kept, "ETL_REPORT": notice["report"] or "", "ETL_EXIT_CODE": str(notice["exit_code"])}
