"""A sound plan's summary and insight, for tests that look at single facts of it."""

from etl.model.insight import Insight, LongLane, Preview, Sessions, Sides, Texts, Times, Users
from etl.model.plan import Conservation, PlanSummary

COUNTS = Conservation(
    rows=1_234_567, carried=0, split=0, rejects=4, skipped=3, duplicates=60, known=500, planned=1_234_000
)
INSIGHT = Insight(
    preview=Preview(
        expiration_minutes=600,
        tickets=0,
        without_ticket=1_234_000,
        as_planned=tuple(
            Sessions(expiration_minutes=minutes, conversations=count, split=0, merged=0)
            for minutes, count in ((60, 5_000), (600, 3_000), (1_440, 2_000), (2_880, 1_500), (10_080, 900))
        ),
        by_ticket=(),
    ),
    sides=Sides(dialogues=3_000, only_customer=10, only_agent=20, agent_first=30),
    longest=(LongLane(lane="ann", messages=3, share=0.5),),
    users=Users(busy=(), shared_tickets=0, shared_examples=()),
    times=Times(
        per_year={"2024": 1_234_000},
        whole_minutes=20_000,
        ties=12_340,
        before_2005=0,
        last_day=0,
        gap_seconds=(90.0, 7_200.0, 200_000.0),
        gaps={"<= 1 min": 1},
    ),
    texts=Texts(median=100, most=900, longest=9_000, over_1000=5, repeated=(1_500, 3)),
    personal={},
)
PLAN = PlanSummary(
    hash="abcdef0123456789" * 4,
    fingerprint="f",
    identity="i",
    source="acme",
    ledger_mark="new",
    conservation=COUNTS,
    lanes=1,
    longest_lane=3,
    first_at="2024-05-01T10:00:00+00:00",
    last_at="2024-06-01T10:00:00+00:00",
    rejects_by_code={"late": 4},
    skipped_by_reason={"role": 3},
    known_by_state={"accepted": 499, "uncertain": 1},
    roles={"agent": 1_000_000, "customer": 234_000},
    changed={},
    found={},
    offsets={},
    files=(),
    skipped_files=(),
    made_at="2024-07-01T10:00:00+00:00",
)
