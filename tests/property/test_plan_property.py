"""Planning against a few lines of Python that say what it should do, over generated tables."""

import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.ledger.interface import TOUCHED_SCHEMA
from etl.model.plan import PlanFolder
from etl.model.schemas import MESSAGE_SCHEMA, REJECT_SCHEMA, FileSummary, NormalizedBatch
from etl.plan.lanes import PlanReader, plan_rejects
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building
from etl.plan.writing import write_plan

Row = dict[str, Any]
LATE_AFTER = frozenset({"accepted", "uncertain", "in_flight"})
STATES = ("accepted", "rejected", "uncertain", "in_flight", "skipped")
START_US = 1_700_000_000_000_000
NAMES = dict.fromkeys(("fingerprint", "identity", "source", "ledger_mark"), "x")


def digest(*words: Any) -> bytes:
    """Return the 128 bits that name such words."""
    return sha256(":".join(map(str, words)).encode()).digest()[:16]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Return a message from so small a world that everything collides."""
    row: Row = {
        "lane": draw(st.sampled_from("abc")),
        "at": START_US + draw(st.integers(0, 5)) * 400_000,
        "sequence": draw(st.sampled_from([None, None, 1, 2])),
        "role": draw(st.sampled_from(["customer", "agent"])),
        "text": draw(st.sampled_from(["", "ok", "no", "ü\n\0"])),
        "native_id": draw(st.sampled_from([None, None, None, "1", "2"])),
    }
    row["content"] = digest("etl-message-2", 1, row["lane"], row["at"], row["role"], row["text"])
    row["key"] = row["content"]
    if row["native_id"] is not None:
        row["key"] = digest("etl-native-id-2", 4, "acme", row["native_id"])
    return row


TABLES = st.lists(rows(), max_size=12)
INPUTS = st.lists(TABLES, min_size=1, max_size=3)
KNOWN = st.dictionaries(st.integers(0, 30), st.sampled_from(STATES), max_size=4)


class Workshop:
    """Makes plans in a folder that goes away."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._plans = Path(self._folder.name) / "plans"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def plan(
        self,
        files: list[list[Row]],
        *,
        touched: list[Row] | None = None,
        carry: PlanFolder | None = None,
        batch_rows: int = 100,
        rejects: int = 0,
        narrow: bool = False,
    ) -> PlanFolder:
        """Plan files; each has so many rejects and one skipped row, too.

        With `narrow` only those touched are known that the plan asks for.
        """
        with building(self._plans) as folder, Staging(folder, memory_limit_mb=128, source="acme") as staging:
            for number, table in enumerate(files):
                bad = [{"file": f"{number}", "line": 900 + n, "code": "empty_text"} for n in range(rejects)]
                staging.add_rejects(pa.RecordBatch.from_pylist(bad, schema=REJECT_SCHEMA))
                for start in range(0, len(table), batch_rows):
                    staging.add(batch(table[start : start + batch_rows], file=f"{number}", line=start))
                records = len(table) + rejects
                staging.finish_file(
                    FileSummary(file=f"{number}", format="csv", records=records, blank_lines=0, bytes_read=1),
                )
            known = touched or []
            if narrow and (asked := staging.wanted(most=1_000_000)) is not None:
                keys, lanes = (set(asked.column(name).to_pylist()) for name in ("key", "lane"))
                known = [row for row in known if row["key"] in keys or row["lane"] in lanes]
            staging.add_touched(pa.RecordBatch.from_pylist(known, schema=TOUCHED_SCHEMA))
            if carry is not None:
                staging.carry(carry)
            ordered = decide(staging, reject_late=True)
            return write_plan(folder, staging, ordered, settings={}, names=NAMES, made_at_us=1)


def batch(table: list[Row], *, file: str, line: int) -> NormalizedBatch:
    """Return rows as normalizing gives them."""
    messages = [{**row, "file": file, "line": line + place, "part": 1} for place, row in enumerate(table)]
    return NormalizedBatch(
        messages=pa.RecordBatch.from_pylist(messages, schema=MESSAGE_SCHEMA),
        rejects=pa.RecordBatch.from_pylist([], schema=REJECT_SCHEMA),
        skipped={},
        changed={},
        found={},
        split=0,
        offsets={},
    )


def occurrences(files: list[list[Row]]) -> list[list[tuple[Any, Row]]]:
    """Return each row with its identity: the n-th equal row of a file is the n-th everywhere."""
    numbered = []
    for table in files:
        seen: Counter[bytes] = Counter()
        named = []
        for row in table:
            number = 0
            if row["native_id"] is None:
                number = seen[row["content"]]
                seen[row["content"]] += 1
            named.append(((row["key"], number), row))
        numbered.append(named)
    return numbered


def newest_seconds(touched: list[Row]) -> dict[str, int]:
    """Return each lane's newest whole second that the platform holds, or may hold."""
    newest: dict[str, int] = {}
    for row in touched:
        if row["state"] in LATE_AFTER:
            newest[row["lane"]] = max(newest.get(row["lane"], 0), row["at_us"] // 1_000_000)
    return newest


def expected(files: list[list[Row]], touched: list[Row]) -> tuple[list[Row], Counter[str]]:
    """Return the rows to be sent, in order, and how many left for each reason."""
    ledger = {row["key"]: row for row in touched}
    newest = newest_seconds(touched)
    first: dict[Any, Row] = {}
    left: Counter[str] = Counter()
    stay: list[tuple[int, int, Row]] = []
    for number, table in enumerate(occurrences(files)):
        for line, (identity, row) in enumerate(table):
            earlier = first.setdefault(identity, row)
            taken = ledger.get(identity[0]) if identity[1] == 0 else None
            if earlier is not row:
                left["duplicates" if earlier["content"] == row["content"] else "conflict"] += 1
            elif taken is not None:
                left["known" if taken["content"] == row["content"] else "conflict"] += 1
            elif row["at"] // 1_000_000 < newest.get(row["lane"], 0):
                left["late"] += 1
            else:
                stay.append((number, line, row))
    lengths = Counter(row["lane"] for _, _, row in stay)

    def place(item: tuple[int, int, Row]) -> tuple[Any, ...]:
        number, line, row = item
        sequence = (row["sequence"] is None, row["sequence"] or 0)
        return (-lengths[row["lane"]], row["lane"], row["at"], *sequence, number, line)

    return [row for _, _, row in sorted(stay, key=place)], left


def touched_of(files: list[list[Row]], states: dict[int, str]) -> list[Row]:
    """Return what a ledger knows, if it has seen some of the rows."""
    everything = [row for table in files for row in table]
    chosen = {row["key"]: (row, states[n]) for n, row in enumerate(everything) if n in states}
    return [
        {"key": key, "content": row["content"], "lane": row["lane"], "at_us": row["at"], "state": state}
        for key, (row, state) in chosen.items()
    ]


def sent(plan: PlanFolder) -> list[tuple[Any, ...]]:
    """Return what would be sent, in order."""
    messages = PlanReader(plan).messages(0, plan.summary.conservation.planned)
    return [(message.lane, message.at_us, message.role.value, message.text) for message in messages]


def keys(plan: PlanFolder) -> list[bytes]:
    """Return the keys of a plan in order."""
    return [message.key for message in PlanReader(plan).messages(0, plan.summary.conservation.planned)]


@given(
    files=INPUTS, states=KNOWN, batch_rows=st.integers(1, 5), rejects=st.integers(0, 2), narrow=st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_planning_does_what_a_plain_loop_says(files, states, batch_rows, rejects, narrow):
    """What is sent, in which order, and why each other row is not; every row is counted once.

    Whether it is told all that the ledger knows, or only what it asks for.
    """
    touched = touched_of(files, states)
    wanted, left = expected(files, touched)
    with Workshop() as workshop:
        plan = workshop.plan(files, touched=touched, batch_rows=batch_rows, rejects=rejects, narrow=narrow)
        counts = plan.summary.conservation
        assert [(row["lane"], row["at"], row["role"], row["text"]) for row in wanted] == sent(plan)
        assert len(wanted) == len(set(keys(plan)))
        codes = Counter(row["code"] for table in plan_rejects(plan) for row in table.to_pylist())
        by_code = {"conflict": left["conflict"], "late": left["late"], "empty_text": rejects * len(files)}
        assert Counter(by_code) == codes
        assert dict(+codes) == plan.summary.rejects_by_code
        assert (left["duplicates"], left["known"]) == (counts.duplicates, counts.known)
        assert sum(map(len, files)) + rejects * len(files) == counts.rows
        assert counts.balanced


@given(files=INPUTS)
@settings(max_examples=30, deadline=None)
def test_input_given_twice_adds_nothing(files):
    """Overlap is harmless (promise P7), and a replayed plan leaves nothing to send."""
    with Workshop() as workshop:
        plan = workshop.plan(files)
        again = workshop.plan([*files, *files], batch_rows=1)
        assert plan.summary.hash == again.summary.hash
        touched = [
            {"key": m.key, "content": m.content, "lane": m.lane, "at_us": m.at_us, "state": "accepted"}
            for m in PlanReader(plan).messages(0, plan.summary.conservation.planned)
        ]
        assert workshop.plan(files, touched=touched).summary.conservation.planned == 0


@given(old=INPUTS, new=INPUTS, sent_first=st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_carried_plan_loses_and_doubles_nothing(old, new, sent_first):
    """Rows + carried = all the rest, and each untouched message of the old plan is planned or told late."""
    with Workshop() as workshop:
        before = workshop.plan(old)
        messages = list(PlanReader(before).messages(0, before.summary.conservation.planned))
        done = [message for message in messages if message.lane == "a"][:sent_first]
        touched = [
            {"key": m.key, "content": m.content, "lane": m.lane, "at_us": m.at_us, "state": "accepted"}
            for m in done
        ]
        plan = workshop.plan(new, touched=touched, carry=before)
        counts = plan.summary.conservation
        assert len(messages) - len(done) == counts.carried
        assert counts.balanced
        untouched = [message.key for message in messages if message not in done]
        planned = keys(plan)
        assert untouched == [key for key in messages_order(before, planned) if key in set(untouched)]


def messages_order(plan: PlanFolder, planned: list[bytes]) -> list[bytes]:
    """Return a plan's keys that are planned again, in its order."""
    again = set(planned)
    return [key for key in keys(plan) if key in again]
