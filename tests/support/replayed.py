"""A run report in which everything occurs, for tests of its forms."""

from etl.ledger.evidence import Pause, Seal
from etl.ledger.interface import Entry, RunRecord
from etl.model.states import State
from etl.report.approved import Approved
from etl.report.replayed import Answers, RunReport, Unsettled
from etl.report.steps import Step
from etl.report.timeline import Latency, Point
from support.plans import PLAN

START = 1_714_557_600_000_000
SECOND = 1_000_000
NOTHING_APPROVED = Approved(
    expected=(), check_file=None, checked_at=None, checked_plan=None, same_plan=None,
    forecast_seconds=None, differences=(),
)  # fmt: skip
RUN = RunRecord(
    number=3, plan=1, host="h", pid=7, version="0.1.0", started_us=START, ended_us=START + 20 * SECOND,
    exit_code=3, allowed_per_second=50.0, expected=1_234_000, forecast_seconds=24_680.0,
    expected_plan="abcdef012345", stop="the hours are over",
)  # fmt: skip
POINTS = tuple(
    Point(
        at_us=START + 10 * place * SECOND, seconds=10.0, accepted=300, rejected=1, uncertain=1, retried=2,
        paused_seconds=1.0, p50=0.05, p95=0.2,
    )
    for place in range(2)
)  # fmt: skip
ENTRY = Entry(
    plan=1, ordinal=5, key=bytes(range(16)), lane="ann", at_us=START, state=State.UNCERTAIN,
    reason="timeout", http_status=None,
)  # fmt: skip
REPORT = RunReport(
    made_at_us=START + 60 * SECOND,
    etl_version="0.1.0",
    job="job.toml --sandbox",
    source="acme",
    target="https://api.example/",
    scope="run",
    runs=(RUN,),
    summary=PLAN,
    states={"accepted": 600, "rejected": 2, "uncertain": 2, "skipped": 0, "held": 7, "pending": 1_233_389},
    answers=(
        Answers(outcome="accepted", code="accepted", http_status=200, attempts=600),
        Answers(outcome="pending", code="http_429", http_status=429, attempts=4),
        Answers(outcome="rejected", code="http_422", http_status=422, attempts=2),
        Answers(outcome="uncertain", code="timeout", http_status=None, attempts=2),
    ),
    pauses=(Pause(at_us=START, until_us=START + 2 * SECOND, reason="http_429"),),
    allowed_per_second=50.0,
    learned_per_second=None,
    latency=Latency(p50=0.05, p95=0.2, p99=0.3, most=1.5),
    timeline=POINTS,
    active_seconds=20.0,
    approved=NOTHING_APPROVED,
    words={"skipped": 1},
    unsettled=Unsettled(
        uncertain_by_code={"timeout": 2}, rejected_by_code={"http_422": 2}, held_lanes=1, listed=(ENTRY,)
    ),
    steps=(Step(command="etl verify job.toml --settle", meaning="settles by the report; or"),),
    seals=(Seal(run=3, accepted=600, attempts=8, last_word=1, digest="d" * 64, at_us=START),),
    command=None,
)
