"""Whether a message by hand would stand between the messages of an import."""

from typing import Final

from etl.api.handmade import HandMessage
from etl.config.workspace import Workspace
from etl.errors import UsageError
from etl.ledger.interface import Ledger
from etl.model.plan import Lane
from etl.pipeline.plans import Plans
from etl.plan.lanes import PlanReader
from etl.replay.lane import blocking_states, standing

_BLOCKING: Final = blocking_states(hold_rejected=True)


def look_for_lane(
    ledger: Ledger, space: Workspace, message: HandMessage, *, beside_plan: bool
) -> tuple[str, ...]:
    """Return warnings, one line each, when the user is a lane of the plan under way.

    Raises:
        UsageError: messages of this user are still to be sent, and `beside_plan` does not allow that.
        InputError: the plan's files are damaged.
    """
    record = ledger.open_plan()
    plan = Plans(space, ledger).load(record.hash) if record else None
    if record is None or plan is None:
        return ()
    reader = PlanReader(plan)
    lane = next(reader.named({message.user_id}), None)
    if lane is None:
        return ()
    left = _open_messages(ledger, record.number, lane)
    if left and not beside_plan:
        raise UsageError(
            f"{left:,} messages of this user in the plan under way (of {lane.length:,}) are not settled: "
            "this one would stand between them",
            hint="try the deployment with another --user; or say --beside-plan if that is meant",
        )
    warnings = [f"this user is a lane of the plan under way ({lane.length:,} messages, {left:,} not settled)"]
    (last,) = reader.messages(lane.first + lane.length - 1, lane.first + lane.length)
    if message.at_us < last.at_us:
        warnings.append("its time lies before that of the lane's last message: it may show out of order")
    return tuple(warnings)


def _open_messages(ledger: Ledger, plan: int, lane: Lane) -> int:
    ordinals, states = ledger.progress(plan, lane.first, lane.first + lane.length)
    return standing(lane, ordinals, states, blocking=_BLOCKING).open_messages
