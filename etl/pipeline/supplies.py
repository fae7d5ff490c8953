"""The doctor's look at what an import is given: files and token."""

import os
import stat
from collections.abc import Iterator
from typing import Final

from etl.config.load import JobFile
from etl.config.secrets import read_token
from etl.errors import EtlError, ExitCode
from etl.pipeline.finding import Finding, failed, failed_by, passed, size_text
from etl.source.discover import listed

_PACKED: Final = (".gz", ".zst", ".bz2", ".parquet")
_PACKED_FACTOR: Final = 4
"""How much larger packed texts are once unpacked, roughly."""


def files_finding(job_file: JobFile) -> tuple[Finding, int]:
    """Return whether the job's files are there, and their bytes once unpacked, roughly."""
    job = job_file.job
    second = [table.files for table in job.join] + [table.files for table in job.opening]
    if not job.input.files:
        remedy = "name them in `[input] files`, or on the command line of check and import"
        return failed("files", "the job names none", remedy, ExitCode.USAGE), 0
    try:
        sizes = listed(job.input.files, base=job_file.folder)
        for files in second:
            sizes |= listed(files, base=job_file.folder)
    except EtlError as error:
        return failed_by("files", error), 0
    noun = "file" if len(sizes) == 1 else "files"
    finding = passed("files", f"{len(sizes):,} {noun}, {size_text(sum(sizes.values()))}")
    return finding, sum(size * (_PACKED_FACTOR if _is_packed(label) else 1) for label, size in sizes.items())


def token_findings(job_file: JobFile) -> Iterator[Finding]:
    """Yield whether there is a token, and where from; whether it is the right one only a message can tell."""
    target = job_file.job.target
    try:
        read_token(target, folder=job_file.folder, environ=os.environ)
    except EtlError as error:
        yield failed_by("token", error)
        return
    if target.token_file is not None:
        path = job_file.resolve(target.token_file)
        mode = stat.S_IMODE(path.stat().st_mode)
        yield passed("token", f"in file {path}, mode {mode:04o}: only its owner can read it")
    elif target.token_keyring is not None:
        yield passed("token", f"in keyring service {target.token_keyring}")
    else:
        yield passed("token", f"in environment variable {target.token_env}")


def _is_packed(label: str) -> bool:
    return label.lower().endswith(_PACKED)
