"""A plan as a worker of a cluster reads it: where all see it, or by the parts that its shards need."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from etl.errors import InputError
from etl.model.plan import PlanFolder, PlanSummary
from etl.pipeline.workroom import workroom
from etl.plan.lanes import PlanReader
from etl.plan.store import load_plan, read_summary
from etl.storage.remote import RemoteDepot


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPlace:
    """Where a plan is for workers."""

    folder: Path
    """On every worker; of a plan in a store only its name counts."""
    store: str | None = field(default=None, repr=False)
    """The URI of the target's place in an object store. May hold credentials."""
    summary: PlanSummary
    """What the driver has cut into shards."""


@contextmanager
def reading(place: PlanPlace) -> Iterator[PlanReader]:
    """Give a reader of the plan; what it brings to this machine is removed afterwards.

    Raises:
        InputError: there is none, or another one.
        LaterError: the store can't be reached.
        UsageError: the store refuses, or this machine has no room.
    """
    if place.store is None:
        plan = load_plan(place.folder)
        if plan is None:
            raise InputError(
                f"there is no plan {place.folder}", hint="every worker must see the state folder"
            )
        yield PlanReader(plan)
        return
    with workroom(place.store) as room:
        depot = RemoteDepot.of(place.store, cache=room)
        folder = f"plans/{place.folder.name}"
        try:
            lanes = depot.fetch(f"{folder}/lanes.parquet")
            there = read_summary(depot.read(f"{folder}/plan.json"))
        except FileNotFoundError as error:
            raise _replaced(depot, folder) from error
        # Its lanes name parts: of a plan with the same messages in other ones they would lead astray.
        if there is None or (there.hash, there.parts) != (place.summary.hash, place.summary.parts):
            raise _replaced(depot, folder)
        plan = PlanFolder(path=lanes.parent, summary=place.summary)
        yield PlanReader(plan, fetch=lambda name: depot.fetch(f"{folder}/{name}"))


def _replaced(depot: RemoteDepot, folder: str) -> InputError:
    return InputError(
        f"{depot.location}/{folder} is not the plan that is to be sent",
        hint="another command has replaced it; run the same command again",
    )
