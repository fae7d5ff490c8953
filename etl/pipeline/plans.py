"""Plans by hash or by what they were made of, here or where the state is; published before they are sent.

A plan in a store is whole once its `plan.json` is there: its data goes first, `plan.json` last.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from etl.config.workspace import Workspace
from etl.errors import LaterError
from etl.ledger.interface import Ledger
from etl.model.plan import PlanFolder, PlanSummary
from etl.pipeline.depots import depot_of
from etl.plan.store import find_plan, load_plan, plan_path, read_summary
from etl.storage.remote import RemoteDepot

_SUMMARY: Final = "plan.json"
_BY_HASH: Final = ("messages", "lanes")
"""How the names of files begin whose content the hash decides."""
_ROUNDS: Final = 3
_IN_USE: Final = ".in-use-"
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Plans:
    """The plans of a target. Where they are in a store, this machine keeps the open one and those in use.

    Raises:
        LaterError: from every method: the store can't be reached.
        UsageError: from every method: the store refuses, or this machine has no room.
    """

    _in_use: ClassVar[dict[Path, int]] = {}
    """The locks of this process, by path: descriptors that stay open."""

    def __init__(self, space: Workspace, ledger: Ledger | None) -> None:
        self._space = space
        self._ledger = ledger
        self._depot = depot_of(space)

    def place(self, plan_hash: str) -> str:
        """Return where a plan of that hash would be, as people know it."""
        return self._space.shown(plan_path(self._space.plans, plan_hash))

    def load(self, plan_hash: str) -> PlanFolder | None:
        """Return the plan with that hash; None where there is none."""
        path = plan_path(self._space.plans, plan_hash)
        self._use(path.name)
        plan = load_plan(path)
        if plan is None or plan.summary.hash != plan_hash:
            plan = self._fetched(path.name)
        return plan if plan is not None and plan.summary.hash == plan_hash else None

    def find(self, *, fingerprint: str, ledger_mark: str) -> PlanFolder | None:
        """Return a plan made from the same input and settings against the same ledger, if there is one."""
        plan = find_plan(self._space.plans, fingerprint=fingerprint, ledger_mark=ledger_mark)
        if plan is not None:
            return self.load(plan.summary.hash)
        for _, summary in self._elsewhere():
            if (summary.fingerprint, summary.ledger_mark) == (fingerprint, ledger_mark):
                return self.load(summary.hash)
        return None

    def newest_first(self) -> list[PlanSummary]:
        """Return what all plans are."""
        found = list(self._elsewhere())
        for path in self._space.plans.glob(f"[!.]*/{_SUMMARY}"):
            plan = load_plan(path.parent)
            if plan is not None:
                found.append((path.stat().st_mtime_ns, plan.summary))
        return [summary for _, summary in sorted(found, key=lambda one: -one[0])]

    def publish(self, plan: PlanFolder) -> None:
        """Make sure that other machines see a plan, whole."""
        depot = self._depot
        if depot is None:
            return
        self._use(plan.path.name)
        folder = self._folder(plan.path.name)
        theirs = _summary(depot, folder)
        ours = (plan.summary.hash, plan.summary.parts)
        if theirs is not None and (theirs.hash, theirs.parts) != ours:
            depot.withdraw(f"{folder}/{_SUMMARY}")  # what follows would be half of either
            theirs = None
        for path in sorted(plan.path.glob("[!.]*")):
            # Others may be reading what has the same content by its hash.
            if path.name != _SUMMARY and not (theirs and path.name.startswith(_BY_HASH)):
                depot.publish(path, f"{folder}/{path.name}")
        depot.publish(plan.path / _SUMMARY, f"{folder}/{_SUMMARY}")
        self._forget_others(plan.path.name)

    def add(self, plan: PlanFolder, name: str) -> None:
        """Make sure that other machines see one more file of a published plan."""
        if self._depot is not None:
            self._depot.publish(plan.path / name, f"{self._folder(plan.path.name)}/{name}")

    def bring(self, plan: PlanFolder, name: str) -> bool:
        """Bring such a file here, where another machine has added it; return whether there is one."""
        if self._depot is None:
            return False
        try:
            self._depot.fetch(f"{self._folder(plan.path.name)}/{name}")
        except FileNotFoundError:
            return False
        return True

    def _fetched(self, name: str) -> PlanFolder | None:
        """Return the plan in a folder of the store, brought here as one builder left it."""
        depot, folder = self._depot, self._folder(name)
        if depot is None:
            return None
        for _ in range(_ROUNDS):
            before = _read(depot, folder)
            if before is None:
                return None
            with suppress(FileNotFoundError):
                for file in depot.names(folder):
                    depot.fetch(file)
                if _read(depot, folder) == before:
                    self._forget_others(name)
                    return load_plan(self._space.plans / name)
        raise LaterError(
            f"{depot.location}/{folder} changes faster than it can be read", hint="try again later"
        )

    def _elsewhere(self) -> Iterator[tuple[int, PlanSummary]]:
        """Yield time of publication and summary of each plan that only others have whole."""
        depot = self._depot
        if depot is None:
            return
        for name, changed_ns in depot.changes(self._space.plans.name).items():
            folder, _, file = name.rpartition("/")
            if file == _SUMMARY and load_plan(self._space.folder / folder) is None:
                summary = _summary(depot, folder)
                if summary is not None:
                    yield changed_ns, summary

    def _use(self, name: str) -> None:
        """Keep other commands from removing a copy until this process ends: death releases a lock."""
        mark = self._mark(name)
        if self._depot is None or mark in self._in_use:
            return
        self._space.create()
        self._in_use[mark] = os.open(mark, _LOCK, 0o600)
        fcntl.flock(self._in_use[mark], fcntl.LOCK_SH)

    def _forget_others(self, name: str) -> None:
        """Remove the copies of other plans that are published and that nobody needs now."""
        under_way = self._ledger.open_plan() if self._ledger else None
        kept = {name, plan_path(self._space.plans, under_way.hash).name if under_way else name}
        for path in self._space.plans.glob("[!.]*"):
            if path.name not in kept:
                self._forget(path)

    def _forget(self, folder: Path) -> None:
        depot, inner = self._depot, self._folder(folder.name)
        summary = f"{inner}/{_SUMMARY}"
        if depot is None or ((folder / _SUMMARY).exists() and not depot.cache.noted(summary)):
            return
        descriptor = os.open(self._mark(folder.name), _LOCK, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            depot.cache.drop(inner)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # another command needs it
        finally:
            os.close(descriptor)

    def _mark(self, name: str) -> Path:
        return self._space.plans / f"{_IN_USE}{name}"

    def _folder(self, name: str) -> str:
        return f"{self._space.plans.name}/{name}"


def _summary(depot: RemoteDepot, folder: str) -> PlanSummary | None:
    text = _read(depot, folder)
    return None if text is None else read_summary(text)


def _read(depot: RemoteDepot, folder: str) -> bytes | None:
    try:
        return depot.read(f"{folder}/{_SUMMARY}")
    except FileNotFoundError:
        return None
