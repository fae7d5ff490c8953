"""`etl status` while a run is active: one screen, drawn anew every other second.

It asks the ledger on connections that only read, so the run never waits for it, and asks less often where
an answer takes long.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from typing import Final

import click

from etl.cli.console import is_screen, printable, say
from etl.clock import SYSTEM
from etl.errors import EtlError
from etl.ledger.sharing import Worked
from etl.pipeline.status import StatusResult
from etl.report.summary import duration

_EVERY_SECONDS: Final = 2.0
_PLAIN_EVERY_SECONDS: Final = 30.0
"""Without a terminal a line is printed so often."""
_PATIENCE: Final = 10.0
"""So many times as long as an answer took is waited before the next question."""
_WINDOW: Final = 15
"""Answers over which the pace is measured."""
_BAR: Final = 40


class Following:
    """Watches a run to its end."""

    def __init__(self, ask: Callable[[], StatusResult], job: str) -> None:
        self._ask = ask
        self._job = job
        self._terminal = is_screen()
        self._seen: deque[tuple[float, int]] = deque(maxlen=_WINDOW)
        self._drawn = 0
        self._said_at = -_PLAIN_EVERY_SECONDS

    def run(self, result: StatusResult) -> StatusResult:
        """Show how the run stands until it ends or the reader leaves; return the last answer."""
        try:
            return asyncio.run(self._follow(result))
        except KeyboardInterrupt:
            say("left; the run goes on")
            return result
        except BrokenPipeError:  # nobody watches any more
            return result

    async def _follow(self, result: StatusResult) -> StatusResult:
        took = 0.0
        while result.holder:
            self._show(result)
            await SYSTEM.sleep(max(_EVERY_SECONDS, _PATIENCE * took))
            began = SYSTEM.monotonic()
            try:
                result = self._ask()
            except EtlError:
                self._erase()
                raise
            took = SYSTEM.monotonic() - began
        self._erase()
        return result

    def _show(self, result: StatusResult) -> None:
        now = SYSTEM.monotonic()
        self._seen.append((now, done(result)))
        lines = screen(result, self.per_second, self._job)
        if self._terminal:
            size = shutil.get_terminal_size()
            fitting = [printable(line)[: size.columns - 1] for line in lines[: size.lines - 1]]
            self._erase()
            click.echo("\n".join(fitting), err=True)
            self._drawn = len(fitting)
        elif now - self._said_at >= _PLAIN_EVERY_SECONDS:
            self._said_at = now
            click.echo(printable(lines[0]), err=True)

    @property
    def per_second(self) -> float | None:
        """Return the pace that was seen; None until two answers are there."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else None

    def _erase(self) -> None:
        if self._drawn:
            click.echo(f"\x1b[{self._drawn}A\x1b[J", err=True, nl=False, color=True)
            self._drawn = 0


def done(result: StatusResult) -> int:
    """Return the messages that need nothing more."""
    return result.states.accepted + result.states.skipped + result.states.rejected


def screen(result: StatusResult, per_second: float | None, job: str) -> list[str]:
    """Return one screen: how far, how fast, how long still, what is wrong, what to type. Pure."""
    states, total = result.states, result.plan.messages
    part = done(result) / total if total else 1.0
    bar = "#" * int(_BAR * part)
    pace = "measuring" if per_second is None else f"{per_second:.3g}/s"
    far = f"{done(result):,} of {total:,} ({100 * part:.1f} %)"
    run = result.last_run
    allowed = (run.allowed_per_second if run else None) or result.allowed_per_second
    unknown = f"uncertain or in flight {states.uncertain:,}"
    lines = [
        f"sent     {far}, {pace} of {allowed:g}/s, {_rest(result, per_second)}",
        f"         [{bar:<{_BAR}}]",
        f"run      {run.number if run else '?'} by {result.holder}",
        f"accepted {states.accepted:,}   rejected {states.rejected:,}   skipped {states.skipped:,}",
        f"open     pending {states.pending:,}   {unknown}   held {states.held:,}",
    ]
    if result.worked:
        lines += shard_lines(result.worked)
    if result.hold_off_seconds:
        lines.append(f"hold-off the API asked to wait another {duration(result.hold_off_seconds)}")
    if result.learned_per_second:
        lines.append(f"pace     {result.learned_per_second:.3g}/s for now: the API refused or was slow")
    for name, codes in (("doubt", result.uncertain_by_code), ("refused", result.rejected_by_code)):
        if codes:
            lines.append(f"{name:<8} {', '.join(f'{count:,} {code}' for code, count in codes.items())}")
    lines.append(f"next     wait; Ctrl-C leaves this screen, not the run; then: etl status {job}")
    return lines


def _rest(result: StatusResult, per_second: float | None) -> str:
    pending = result.states.pending
    if not pending:
        return "the last ones are in flight"
    if result.hold_off_seconds:
        return "waiting as the API asked"
    if per_second is None:
        return f"at least {duration(result.forecast.seconds)} left"
    if per_second <= 0:
        return "nothing was settled for a while"
    # The pace of the moment says nothing of the longest lane, which may end alone.
    return f"about {duration(max(pending / per_second, result.forecast.seconds))} left"


def shard_lines(worked: Worked) -> list[str]:
    """Return how the shards of a run by many workers stand, and who has the open ones."""
    counts = [
        f"{worked.done:,} of {worked.shards:,} done",
        f"{worked.live:,} open",
        f"{worked.waiting:,} waiting",
    ]
    if worked.expired:
        counts.append(f"{worked.expired:,} without a live worker: another one takes them over")
    owners = [f"         {count:,} open by {owner}" for owner, count in sorted(worked.open.items())]
    return [f"shards   {', '.join(counts)}", *owners]
