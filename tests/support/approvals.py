"""A validation report's content without a plan on disk."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.model.insight import BusyUser, LongLane
from etl.model.plan import PlanSummary
from etl.model.profile import Example, Histogram, Macro, Macros, Profile, Utterances
from etl.model.rejects import RejectCode
from etl.model.schemas import FileSummary
from etl.report.approval import Approval, Manner, Outlook
from etl.report.approval_page import write_page
from etl.report.validation import RejectLine
from etl.report.verdict import Typed, judge
from support.plans import INSIGHT, PLAN

PROFILE = Profile(
    granularity="month",
    over_time=Histogram(labels=("2024-05", "2024-06"), series={"customer": (3, 1), "agent": (2, 0)}),
    hours=Histogram(labels=tuple(f"{hour:02}" for hour in range(24)), series={"customer": (1,) * 24}),
    lanes=Histogram(labels=("1", "2", "4"), series={"lanes": (0, 2, 1), "messages": (0, 4, 3)}),
    gaps=Histogram(labels=("0 s", "10 h", "longer"), series={"silences": (5, 7, 1)}),
    expiration_edge=2,
    lengths=Histogram(labels=("9", "19", "longer"), series={"customer": (3, 1, 0), "agent": (0, 2, 0)}),
    midnights=0,
    fractions=0,
    echoes=1,
    macros=Macros(compared=10, messages=6, top=(Macro(messages=6, users=5, characters=80),)),
    utterances=Utterances(messages=4, usable=3, distinct=2, wordless=0, short=1, long=0),
    sampled_every=1,
)
OUTLOOK = Outlook(
    least_seconds=3_600.0,
    most_seconds=10_800.0,
    rate_bound_seconds=3_600.0,
    lane_bound_seconds=60.0,
    rate_per_second=2.0,
    latency_seconds=0.3,
    lanes_at_once=4,
    window="22:00-06:00 Europe/Copenhagen",
    nights=(1, 2),
    earliest_end="2024-07-01 01:00 CEST",
)


def approval(word: str = "acme", summary: PlanSummary | None = None) -> Approval:
    """Return a report in which every name that comes from outside is `word`."""
    insight = replace(
        INSIGHT,
        longest=(LongLane(lane=word, messages=3, share=0.5),),
        users=replace(
            INSIGHT.users,
            busy=(BusyUser(lane=word, messages=3, share=0.5, dialogues=30, placeholder=True),),
            shared_tickets=1,
            shared_examples=(word,),
        ),
        personal={"email": 2},
    )
    file = FileSummary(
        file=word, format=f"csv {word}", records=9, blank_lines=0, bytes_read=99, overlooked=(word,)
    )
    summary = summary or replace(
        PLAN, files=(file,), skipped_files=(word,), offsets={word: 3}, changed={f"masked_{word}": 1}
    )
    return Approval(
        made_at="2024-07-01T00:00:00+00:00",
        etl_version="1",
        verdict=judge(
            summary,
            insight,
            [],
            {word: 3},
            settled=0,
            typed=Typed(check=f"etl check {word}", send=f"etl import {word}"),
        ),
        manner=Manner(
            job=word,
            source=word,
            lane="user",
            speaker="prefix",
            agent_prefix=word,
            bot_prefix=word,
            masked=(word,),
        ),
        target=word,
        summary=summary,
        insight=insight,
        outlook=OUTLOOK,
        profile=PROFILE,
        languages={"en": 1.0},
        examples=(Example(role="agent", shape="Xx."),),
        first_rejects=(RejectLine(file=word, line=7, code=RejectCode.LATE, column=word, detail=word),),
        unknown_roles={word: 3},
    )


def rendered(content: Approval) -> str:
    """Return the page as it is written."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        write_page(path, content, json_file=Path("report.json"), rejects_file="rejects.csv")
        return path.read_text(encoding="utf-8")
