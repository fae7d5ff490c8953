"""A finished plan as DuckDB sees it, for questions about its messages as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.plan.connection import connected
from etl.plan.parts import messages_sql
from etl.plan.store import building


@contextmanager
def opened(plan: PlanFolder, *, memory_limit_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection with the plan's `messages` and `lanes` as views.

    Raises:
        InputError: the plan's files are damaged, the disk is full, or the memory limit is too low.
    """
    with building(plan.path.parent) as spill:
        connection = connected(spill, memory_limit_mb=memory_limit_mb)
        try:
            for name, paths in (("messages", plan.messages), ("lanes", (plan.lanes,))):
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {messages_sql(paths)}")  # noqa: S608
            yield connection
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise InputError(
                f"plan {plan.path} can't be looked through: {type(error).__name__}",
                hint="free disk space beside the plans, raise plan.memory_limit_mb, or delete that folder: "
                "the same command makes the plan anew",
            ) from error
        finally:
            connection.close()
