"""`etl send`: one message by hand, to try a deployment before trusting it with a history.

It is no part of any plan. It holds the target's lock, keeps to its pace and pauses, and is recorded beside
the ledger before it leaves.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from etl.api.client import request_headers
from etl.api.handmade import HandAnswer, HandMessage, body_of, send_by_hand
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.config.secrets import Secret, read_token
from etl.config.target import Target
from etl.config.workspace import Workspace, workspace
from etl.errors import EtlError, ExitCode, LaterError, LedgerError
from etl.ledger import byhand
from etl.ledger.interface import Ledger
from etl.model.exchange import Answer, Failure, Phase
from etl.pipeline.depots import by_hand, make_ready, publish, record_of_all
from etl.pipeline.embedding import embedded_target
from etl.pipeline.neighbours import look_for_lane
from etl.pipeline.opening import opened
from etl.replay.outcome import Judgement, Verdict, judge
from etl.report.instants import iso, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What came of one message."""

    message: HandMessage
    verdict: Verdict
    reason: str
    error: str | None
    http_status: int | None
    conversation_id: str | None
    replies: tuple[str, ...] = field(repr=False)
    """What the bot said; not cleaned of what a terminal would obey."""
    bot_answered_standby: bool
    warnings: tuple[str, ...]
    request: str = field(repr=False)
    """The whole request as text, the token hidden."""
    record: str

    @property
    def exit_code(self) -> ExitCode:
        """Return how the command ends."""
        if self.bot_answered_standby:
            return ExitCode.REFUSED
        return {
            Verdict.ACCEPTED: ExitCode.OK,
            Verdict.REJECTED: ExitCode.INCOMPLETE,
            Verdict.UNCERTAIN: ExitCode.INCOMPLETE,
            Verdict.RETRY: ExitCode.LATER,
            Verdict.STOP: ExitCode.REFUSED,
        }[self.verdict]


def run_send(job_file: JobFile, message: HandMessage, *, sandbox: bool, beside_plan: bool) -> SendResult:
    """Send one message once.

    Args:
        job_file: whose target, token, time limit and pace are used.
        message: what to send; sound by `pipeline.handmade.hand_message`.
        sandbox: to an embedded stand-in instead.
        beside_plan: also to a user who has unsent messages in the plan under way.

    Raises:
        UsageError: no token; or the user has unsent messages in the plan under way.
        LaterError: a run is active, or the API asked for a pause.
        LedgerError: it can't be recorded, so it was not sent.
    """
    target = job_file.job.target
    space = workspace(job_file.state, target, sandbox=sandbox, ledger=job_file.job.ledger)
    token = None if sandbox else read_token(target, folder=job_file.folder, environ=os.environ)
    make_ready(space)
    with (
        opened(space, create=True, observe=lambda _: None) as found,
        _target(target, space, token) as (place, secret),
    ):
        ledger = found.ledger
        warnings = look_for_lane(ledger, space, message, beside_plan=beside_plan)
        _obey_hold_off(ledger)
        idle_seconds = _idle_seconds(ledger) - found.clock_ahead_seconds
        asyncio.run(SYSTEM.sleep(1 / job_file.job.replay.rate.per_second - max(idle_seconds, 0.0)))
        record = _record_path(space, message)
        _record_intent(space, record, message)
        answer = _sent(message, job_file=job_file, target=place, token=secret)
        judgement = judge(answer.exchange, retry_503=job_file.job.replay.status_503 == "retry")
        try:
            _record_outcome(space, record, message, answer, judgement)
        except EtlError as error:
            raise LedgerError(
                f"the message {message.id.hex()} was sent ({judgement.verdict.value}: {judgement.reason}), "
                f"but that can't be recorded: {error.message}",
                hint=error.hint,
            ) from error
        if judgement.hold_off_seconds is not None:
            ledger.set_hold_off(SYSTEM.wall_us() + int(judgement.hold_off_seconds * MICROSECONDS))
        # The ledger does not know of this request, so the next run's pace is kept by keeping the lock.
        _keep_pace(job_file.job.replay.rate.per_second)
        return _result(
            message, answer, judgement, target=place, warnings=warnings, record=space.shown(record)
        )


def _record_path(space: Workspace, message: HandMessage) -> Path:
    """Return the record of what was sent by hand to a target; in a store nothing can be appended to."""
    if space.uri is None:
        return record_of_all(space)
    return by_hand(space) / f"{stamp(SYSTEM.wall_us())}-{message.id.hex()}.jsonl"


def _append(space: Workspace, record: Path, line: Mapping[str, str | int | None]) -> None:
    record.parent.mkdir(mode=0o700, exist_ok=True)
    byhand.append(record, line)
    publish(space, record)


@contextmanager
def _target(target: Target, space: Workspace, token: Secret | None) -> Iterator[tuple[Target, Secret]]:
    if token is not None:
        yield target, token
        return
    with embedded_target(target, store=space.sandbox_store) as place:
        yield place


def _obey_hold_off(ledger: Ledger) -> None:
    left = ((ledger.hold_off_us() or 0) - SYSTEM.wall_us()) / MICROSECONDS
    if left > 0:
        raise LaterError(f"the API asked everybody to wait another {left:.0f} s", hint="run it again then")


def _idle_seconds(ledger: Ledger) -> float:
    """Return how long ago the ledger's last request was; endless without one."""
    last_us = ledger.last_send_us()
    return inf if last_us is None else (SYSTEM.wall_us() - last_us) / MICROSECONDS


def _keep_pace(rate_per_second: float) -> None:
    try:
        asyncio.run(SYSTEM.sleep(1 / rate_per_second))
    except BaseException:  # noqa: BLE001  a signal: what came of the message must be told, whatever the pace
        return


def _record_intent(space: Workspace, record: Path, message: HandMessage) -> None:
    _append(
        space,
        record,
        {
            "event": "intent",
            "time": iso(SYSTEM.wall_us()),
            "id": message.id.hex(),
            "user": message.user_id,
            "at": iso(message.at_us),
            "type": "text" if message.wakes_bot else "standby",
        },
    )


def _sent(message: HandMessage, *, job_file: JobFile, target: Target, token: Secret) -> HandAnswer:
    try:
        return asyncio.run(send_by_hand(message, job_file=job_file, target=target, token=token))
    except Exception:
        raise
    except BaseException:  # noqa: BLE001  a signal: what has left can't be called back, so say what is known
        return HandAnswer(exchange=Failure(phase=Phase.SENT, kind="interrupted"))


def _record_outcome(
    space: Workspace, record: Path, message: HandMessage, answer: HandAnswer, judgement: Judgement
) -> None:
    exchange = answer.exchange
    receipt = exchange.receipt if isinstance(exchange, Answer) else None
    _append(
        space,
        record,
        {
            "event": "outcome",
            "time": iso(SYSTEM.wall_us()),
            "id": message.id.hex(),
            "verdict": judgement.verdict.value,
            "reason": judgement.reason,
            "http_status": exchange.status if isinstance(exchange, Answer) else None,
            "conversation_id": receipt.conversation_id if receipt else None,
        },
    )


def _result(
    message: HandMessage,
    answer: HandAnswer,
    judgement: Judgement,
    *,
    target: Target,
    warnings: tuple[str, ...],
    record: str,
) -> SendResult:
    exchange = answer.exchange
    read = exchange if isinstance(exchange, Answer) else None
    receipt = read.receipt if read else None
    return SendResult(
        message=message,
        verdict=judgement.verdict,
        reason=judgement.reason,
        error=read.error if read else None,
        http_status=read.status if read else None,
        conversation_id=receipt.conversation_id if receipt else None,
        replies=answer.replies,
        bot_answered_standby=not message.wakes_bot and bool(receipt and receipt.bot_replied),
        warnings=warnings,
        request=request_text(message, target),
        record=record,
    )


def request_text(message: HandMessage, target: Target) -> str:
    """Return the request as text, `***` where the token stands."""
    headers = "\n".join(f"{name}: {value}" for name, value in request_headers(target, Secret("***")).items())
    body = json.dumps(body_of(message), ensure_ascii=False, indent=2)
    return f"POST {target.url}\n{headers}\n\n{body}"
