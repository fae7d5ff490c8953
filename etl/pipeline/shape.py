"""What of a job shapes its plan, its requests and its messages' identity, each as settings or a digest."""

from typing import Any

from etl.config.job import Job
from etl.config.load import JobFile
from etl.normalize.identity import identity_settings
from etl.pipeline.basis import pseudonym_key
from etl.pipeline.wish import Wish
from etl.plan.fingerprint import PLAN_VERSION, digest_of


def request_settings(job: Job) -> dict[str, Any]:
    """Return the settings that shape a request beside its message; a plan's hash covers them."""
    message = job.message.model_dump(mode="json", exclude={"session_expiration_minutes"})
    return {"url": job.target.url, **message}


def shape(job_file: JobFile, wish: Wish) -> dict[str, Any]:
    """Return the settings and words that decide which messages come out of the same files."""
    job = job_file.job
    settings = job.model_dump(
        mode="json",
        exclude={
            "input": {"files"},
            "message": {"session_expiration_minutes"},
            "target": True,
            "state": True,
            "ledger": True,
            "replay": True,
            "plan": True,
            "validate_": True,
            "notify": True,
            "metrics": True,
        },
    )
    return {
        **settings,
        "late": job.replay.late,
        "url": job.target.url,
        "unfinished": wish.unfinished or job.plan.unfinished,
        "new_identity": wish.new_identity,
        "plan_version": PLAN_VERSION,
    }


def settings_digest(job_file: JobFile) -> str:
    """Return the digest of the job's settings that decide which messages come out of the same files."""
    return digest_of(shape(job_file, Wish()))


def identity_of(job_file: JobFile) -> str:
    """Return the digest of the settings that decide what a message is."""
    return digest_of(identity_settings(job_file.job, key=pseudonym_key(job_file.job)))
