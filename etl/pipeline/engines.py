"""`--cluster ADDRESS`: the engine behind it, connected and looked over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from etl.cluster.embedded import EmbeddedEngine
from etl.cluster.interface import Engine
from etl.config.job import Job
from etl.errors import UsageError

LOCAL: Final = "local"
_LOCAL_WORKERS: Final = 2


@contextmanager
def opened_engine(address: str | None, job: Job, *, sends: bool = True) -> Iterator[Engine | None]:
    """Give the engine at an address, connected; None for none. Only one that sends needs a ledger of many.

    `local` or `local:3` is one in this process, with so many threads.

    Raises:
        UsageError: the ledger is a file; or the address is none, the extra is missing, nobody answers there,
            or nobody works.
    """
    if address is None:
        yield None
        return
    if job.ledger is None and sends:
        raise UsageError(
            "--cluster needs a ledger that many machines can write",
            hint='set ledger = "postgresql://user@host/database" in the job file',
        )
    with _engine(address) as engine:
        yield engine


def _engine(address: str) -> Engine:
    name, _, count = address.partition(":")
    if name == LOCAL:
        if count and not (count.isdecimal() and int(count) > 0):
            raise UsageError(f"--cluster {address}: local takes a number of workers, such as local:4")
        return EmbeddedEngine(int(count or _LOCAL_WORKERS))
    if name not in {"tcp", "tls"} or not count.startswith("//"):
        raise UsageError(
            f"--cluster {address}: is no address of a scheduler",
            hint="tcp://host:8786 or tls://host:8786 as `dask scheduler` prints it, or local",
        )
    from etl.cluster.engine import connect  # noqa: PLC0415  an extra, and start-up time

    return connect(address)
