"""What becomes of known outcomes when the ledger has no room for them."""

import asyncio
import os
import stat
from dataclasses import dataclass, field
from typing import Any

import pytest

from etl.errors import LedgerError, LedgerFullError
from etl.ledger.rescue import BALLAST_BYTES, SideFile, keep_ballast, kept_outcomes
from etl.ledger.writer import GroupCommit
from etl.model.states import State


@dataclass
class Full:
    """A ledger that refuses, for good or until room was made."""

    ledger: Any
    error: LedgerError
    healed_by_room: bool = False
    refusing: bool = False
    room_made: int = 0
    kept: list[Any] = field(default_factory=list)
    tried: list[list[Any]] = field(default_factory=list)

    def hurry(self) -> None:
        """Do nothing: it never waits."""

    def commit(self, entries) -> None:
        """Commit for real, unless it refuses just now."""
        self.tried.append(list(entries))
        if self.refusing:
            raise self.error
        self.ledger.commit(entries)

    def make_room(self) -> None:
        """Note it."""
        self.room_made += 1
        self.refusing = self.refusing and not self.healed_by_room

    def keep(self, outcomes) -> None:
        """Note them."""
        self.kept.extend(outcomes)


FULL = LedgerFullError("the disk is full")
BROKEN = LedgerError("the disk reports an error")


def test_outcome_finds_room_where_the_ballast_was(ledger, intent, outcome):
    """The answer is known, so it must not become doubt; the intent beside it is not sent."""
    full = Full(ledger, FULL, healed_by_room=True)

    async def run() -> list[Any]:
        async with GroupCommit(full, full) as writer:
            await writer.write(intent(0))
            await writer.write(intent(10))
            full.refusing = True
            first = await asyncio.gather(
                writer.write(outcome(0)), writer.write(intent(20)), return_exceptions=True
            )
            later = await asyncio.gather(
                writer.write(outcome(10)), writer.write(intent(30)), return_exceptions=True
            )
            results.extend([*first, *later])
        return results

    results: list[Any] = []
    with pytest.raises(LedgerFullError):
        asyncio.run(run())
    assert [None, FULL, None, FULL] == results
    assert {State.ACCEPTED: 2} == ledger.counts()
    assert full.room_made >= 1
    assert [] == full.kept


def test_outcome_is_saved_although_the_intent_beside_it_is_lost(ledger, intent, outcome):
    """Both were written together; the answer is known all the same, and the next message is not sent."""
    full = Full(ledger, FULL, healed_by_room=True)

    async def run() -> None:
        async with GroupCommit(full, full) as writer:
            await writer.write(intent(0))
            full.refusing = True
            await writer.write(outcome(0), intent(1))

    with pytest.raises(LedgerFullError):
        asyncio.run(run())
    assert {State.ACCEPTED: 1} == ledger.counts()


def test_intent_whose_commit_broke_is_kept_as_not_sent(ledger, intent):
    """A commit whose sync failed may be in the file all the same; without this word it would be doubt."""
    broken = Full(ledger, BROKEN)

    async def run() -> None:
        async with GroupCommit(broken, broken) as writer:
            broken.refusing = True
            await writer.write(intent(0))

    with pytest.raises(LedgerError):
        asyncio.run(run())
    ledger.commit([intent(0)])
    assert 1 == ledger.apply_late(broken.kept)
    assert {State.PENDING: 1} == ledger.counts()


def test_outcome_without_room_is_kept_elsewhere(ledger, intent, outcome):
    """The last resort; its writer is told that the ledger does not have it."""
    full = Full(ledger, FULL)

    async def run() -> None:
        async with GroupCommit(full, full) as writer:
            await writer.write(intent(0))
            full.refusing = True
            await writer.write(outcome(0))

    with pytest.raises(LedgerFullError):
        asyncio.run(run())
    assert [outcome(0)] == full.kept
    assert {State.IN_FLIGHT: 1} == ledger.counts()


def test_error_of_the_disk_is_not_tried_again(ledger, intent, outcome):
    """After a failed fsync the next one may say yes although pages are gone."""
    full = Full(ledger, BROKEN, healed_by_room=True)

    async def run() -> None:
        async with GroupCommit(full, full) as writer:
            await writer.write(intent(0))
            full.refusing = True
            await writer.write(outcome(0))

    with pytest.raises(LedgerError, match="reports an error"):
        asyncio.run(run())
    assert [[intent(0)], [outcome(0)]] == full.tried
    assert full.room_made == 0
    assert [outcome(0)] == full.kept


def test_ballast_is_real_space_and_is_freed_for_the_ledger(tmp_path):
    """A sparse file would keep nothing free."""
    assert keep_ballast(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_blocks * 512 >= BALLAST_BYTES
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    side = SideFile(tmp_path, identity="i", run=1, say=print)
    side.make_room()
    side.make_room()
    assert [] == list(tmp_path.iterdir())


def test_ballast_is_done_without_where_it_cannot_be(tmp_path):
    """A small disk is no reason to refuse a run."""
    assert not keep_ballast(tmp_path / "none")


def test_kept_outcomes_are_read_back_by_their_own_ledger_only(tmp_path, outcome):
    """A side file may lie in a folder whose ledger was exchanged."""
    said: list[str] = []
    outcomes = [outcome(0), outcome(1, State.REJECTED, http_status=422, reason="http_422: no")]
    side = SideFile(tmp_path, identity="i", run=3, say=said.append)
    side.keep(outcomes[:1])
    side.keep(outcomes[1:])
    path = tmp_path / "outcomes-3.jsonl"
    assert {path: outcomes} == kept_outcomes(tmp_path, identity="i")
    assert {} == kept_outcomes(tmp_path, identity="other")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(said) == 2


def test_line_that_was_cut_costs_only_itself(tmp_path, outcome):
    """The disk was full, after all."""
    side = SideFile(tmp_path, identity="i", run=3, say=print)
    side.keep([outcome(0), outcome(1)])
    path = tmp_path / "outcomes-3.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    side.keep([outcome(2)])
    assert {path: [outcome(0), outcome(2)]} == kept_outcomes(tmp_path, identity="i")


def test_outcome_that_cannot_be_kept_is_said(tmp_path, outcome):
    """Stderr may be all that is left."""
    said: list[str] = []
    SideFile(tmp_path / "none", identity="i", run=3, say=said.append).keep([outcome(0)])
    assert "accepted" in said[0]


def test_late_outcome_counts_only_for_a_message_still_in_flight(ledger, intent, outcome):
    """Compare and set: it may have been stored after all, or somebody may have decided."""
    ledger.commit([intent(0), intent(10), outcome(10, State.UNCERTAIN), intent(20)])
    assert 1 == ledger.apply_late([outcome(0), outcome(10), outcome(30), outcome(20, run=99)])
    assert {State.ACCEPTED: 1, State.UNCERTAIN: 1, State.IN_FLIGHT: 1} == ledger.counts()


def test_side_file_has_its_name_on_disk(tmp_path, outcome, monkeypatch):
    """After a power cut a file that was synced is gone if its folder was not."""
    synced: list[int] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", sync)
    SideFile(tmp_path, identity="i", run=3, say=lambda _: None).keep([outcome(0)])

    assert [(tmp_path / "outcomes-3.jsonl").stat().st_ino, tmp_path.stat().st_ino] == synced
