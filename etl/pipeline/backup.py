"""`etl ledger backup`: a copy that can be put back. Works beside a running import."""

from datetime import UTC, datetime
from pathlib import Path

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import LedgerError
from etl.ledger.backup import Backup
from etl.ledger.lock import private_folder
from etl.pipeline.opening import ledger_concern, marks_of, place_of, read


def run_backup(job_file: JobFile, *, sandbox: bool, target: Path | None) -> Backup:
    """Copy the ledger to a file, or into a folder, or beside itself; and outdate the copy.

    The ledger's generation grows after the copy is made, so that the copy is recognised when it is put back.

    Raises:
        UsageError: there is no ledger, it is copied by other means, or the file can't be written.
        LedgerError: the ledger is not the one that is remembered, can't be read, or the copy is bad.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    with read(space) as ledger:
        problem = ledger_concern(space, ledger)
    if problem:
        raise LedgerError(problem, hint="a backup of it would be no backup of what was sent")
    stamp = datetime.fromtimestamp(SYSTEM.wall_us() / MICROSECONDS, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"ledger-{stamp}.sqlite"
    if target is None:
        target = space.folder / "backups" / name
        private_folder(target.parent)
    elif target.is_dir():
        target /= name
    return place_of(space).back_up(target, marks=marks_of(space))
