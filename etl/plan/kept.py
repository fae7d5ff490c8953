"""What was seen of a plan, kept beside it in `insight.json`: nobody looks over the same plan twice."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from etl.model.insight import BusyUser, Insight, LongLane, Preview, Sessions, Sides, Texts, Times, Users
from etl.model.plan import PlanFolder
from etl.plan.insight import Question
from etl.storage.files import placed, sweep

INSIGHT_FILE: Final = "insight.json"
_VERSION: Final = 1
"""Of what is asked and how it is answered; a change of either needs a new number."""


def keep_insight(plan: PlanFolder, question: Question, insight: Insight) -> None:
    """Write the answer to a question beside its plan; it is there whole or not at all.

    Raises:
        OSError: the disk is full or not writable.
    """
    path = plan.path / INSIGHT_FILE
    data = {**_asked(plan, question), "insight": asdict(insight)}
    sweep(path)
    with placed(path, durable=False) as sink:
        sink.write((json.dumps(data, indent=2, ensure_ascii=True) + "\n").encode())


def kept_insight(plan: PlanFolder, question: Question) -> Insight | None:
    """Return the answer that lies beside a plan, or None where there is none to this very question."""
    try:
        data = json.loads((plan.path / INSIGHT_FILE).read_bytes())
        asked = {name: data[name] for name in _asked(plan, question)}
        # By way of JSON, which has no tuples.
        return _read(data["insight"]) if asked == json.loads(json.dumps(_asked(plan, question))) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _asked(plan: PlanFolder, question: Question) -> dict[str, Any]:
    return {"insight_version": _VERSION, "plan": plan.summary.hash, "question": asdict(question)}


def _read(data: Mapping[str, Any]) -> Insight:
    users, times, texts, sessions = (data[name] for name in ("users", "times", "texts", "preview"))
    kinds = {name: tuple(Sessions(**row) for row in sessions[name]) for name in ("as_planned", "by_ticket")}
    return Insight(
        preview=Preview(**{**sessions, **kinds}),
        sides=Sides(**data["sides"]),
        longest=tuple(LongLane(**row) for row in data["longest"]),
        users=Users(
            busy=tuple(BusyUser(**row) for row in users["busy"]),
            shared_tickets=users["shared_tickets"],
            shared_examples=tuple(users["shared_examples"]),
        ),
        times=Times(**{**times, "gap_seconds": tuple(times["gap_seconds"])}),
        texts=Texts(**{**texts, "repeated": tuple(texts["repeated"])}),
        personal=dict(data["personal"]),
    )
