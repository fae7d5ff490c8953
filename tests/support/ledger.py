"""A look at a ledger from outside: its export, as people get it."""

from pathlib import Path

import pyarrow.parquet as pq

from support.command import environment, etl


def states(folder: Path) -> dict[str, str]:
    """Return the state of every touched message by the id that was sent."""
    target = folder / "ledger.parquet"
    result = etl(
        "ledger",
        "export",
        "job.toml",
        "--format",
        "parquet",
        "-o",
        str(target),
        cwd=folder,
        env=environment(),
    )
    assert 0 == result.code, result.err
    table = pq.read_table(target)
    return dict(zip(table["key"].to_pylist(), table["state"].to_pylist(), strict=True))


def keys_in(folder: Path, state: str) -> set[str]:
    """Return the ids of the messages in one state."""
    return {key for key, found in states(folder).items() if found == state}
