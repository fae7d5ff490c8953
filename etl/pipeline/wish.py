"""What the command line asks of a plan."""

from dataclasses import dataclass

from etl.cluster.interface import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks beyond the job file."""

    files: tuple[str, ...] = ()
    """Instead of the job's, relative to the current folder."""
    unfinished: str | None = None
    """Instead of `plan.unfinished`."""
    new_identity: bool = False
    """Plan although messages sent under other settings will not be recognised."""
    expect_plan: str | None = None
    """Refuse any plan whose hash does not begin so."""
    cluster: str | None = None
    """The address of the engine whose workers make a new plan, where it is not this process."""
    workers: Engine | None = None
    """That engine, connected."""
