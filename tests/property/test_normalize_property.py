"""Laws of normalizing that hold for any table."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.config.job import Job
from etl.model.rejects import RejectCode, SkipReason
from etl.model.schemas import NormalizedBatch, RowBatch
from etl.normalize.batch import Normalizer
from etl.normalize.quotes import own_words
from etl.normalize.split import pieces

NOW_US = 1_790_000_000_000_000
KEY = b"a key of 16 bytes or more"
NAMES = (
    "user", "role", "conversation", "id", "sequence", "visibility", "timestamp", "text", "plan", "files",
)  # fmt: skip
COLUMNS = {name: name for name in NAMES if name not in {"plan", "files"}} | {"attachments": "files"}

SEEDS = {
    "user": ["u1", "", "1E5", "Anonymous", "conversation:c1"],
    "role": ["customer", "agent", "system", ""],
    "conversation": ["c1", "1,2e9", " "],
    "id": ["", "m1", "2E10"],
    "sequence": ["", "1", "-9223372036854775808", "9" * 20, "+-1"],
    "visibility": ["true", "false", ""],
    "timestamp": [
        "2024-05-01T10:00:00Z", "2024-05-01 10:00", "2024-10-27 02:30", "2024-03-31 02:30", "1714557600",
        "today",
        "9999-12-31T23:59:59.123456789Z", "0001-01-01 00:00", "2024-05-01T10:00:00.1234567+02:00", "1e9",
        "-1.5",
    ],
    "text": [
        "hi", "<p>a</p><b", "&amp; \x00", " \u200b", "x" * 40, "a < b", "yes\n> no", "e\u0301 " * 9,
        "%((switchboard:passControl:certainly))%", "Bot: a\nVisitor: b\nBot: c", "jo@example.com", "Ã¦",
    ],
    "plan": ["", '"\\\n'],
    "files": ["", "[]", "a.pdf", '[{"name": "b"}]'],
}  # fmt: skip


def cells(name):
    """Return cells that are null, likely to matter, or anything at all."""
    return st.none() | st.sampled_from(SEEDS[name]) | st.sampled_from(SEEDS[name][:1]) | st.text(max_size=20)


ROWS = st.lists(st.fixed_dictionaries({name: cells(name) for name in NAMES}), max_size=12)
FORMATS = st.sampled_from(
    ["iso8601", "epoch_s", "epoch_ns", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M %Z", "%H.%f %z"]
)


@st.composite
def jobs(draw):
    """Return a job with any mix of the settings that shape messages."""
    tables: dict[str, Any] = {
        "source": "s",
        "target": {"deployment_id": "d"},
        "columns": COLUMNS | {"variables": {"plan": "plan"}},
        "roles": {"customer": ("customer",), "agent": ("agent",), "skip": ("system",)},
        "visibility": {"public": ("true",), "private": ("false",)},
        "time": {
            "format": draw(FORMATS),
            "zone": draw(st.sampled_from([None, "Europe/Copenhagen"])),
            "ambiguous": draw(st.sampled_from(["reject", "earlier", "later"])),
        },
        "text": {
            "html": draw(st.booleans()),
            "max_characters": draw(st.sampled_from([5, 10_000])),
            "too_long": draw(st.sampled_from(["reject", "truncate", "split"])),
            "quoted_replies": draw(st.sampled_from(["keep", "strip"])),
            "unicode": draw(st.sampled_from(["exact", "nfc"])),
            "residues": draw(st.sampled_from(["skip", "keep"])),
            "attachment": draw(st.sampled_from(["", "[{names}]"])),
        },
        "users": {
            "placeholder": draw(st.sampled_from(["warn", "reject", "conversation"])),
            "pseudonymize": draw(st.booleans()),
        },
        "rows": {"drop": draw(st.sampled_from([{}, {"plan": ("",)}]))},
        "message": {
            "lane": draw(st.sampled_from(["user", "conversation"])),
            "speaker": draw(st.sampled_from(["prefix", "both", "customers-only"])),
        },
    }
    return Job.model_validate(tables)


def as_batch(rows, first=0):
    """Return rows as a batch whose line numbers go on from `first`."""
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in NAMES}
    lines = pa.array(range(first, first + len(rows)), pa.int64())
    return RowBatch(file="f", rows=pa.RecordBatch.from_pydict(columns), lines=lines)


def fates(done: NormalizedBatch):
    """Return a batch as plain values that add up."""
    return (
        done.messages.to_pylist(),
        done.rejects.to_pylist(),
        Counter(done.skipped),
        Counter(done.changed),
        Counter(done.found),
        Counter(done.offsets),
        done.split,
    )


@given(jobs(), ROWS)
def test_every_row_is_a_message_a_reject_or_skipped_exactly_once(job, rows):
    """Promise P1: nothing vanishes, whatever the cells hold."""
    done = Normalizer(job, now_us=NOW_US, key=KEY)(as_batch(rows))
    done.messages.validate(full=True)
    done.rejects.validate(full=True)
    first = [message for message in done.messages.to_pylist() if message["part"] == 1]
    lines = [message["line"] for message in first] + done.rejects["line"].to_pylist()
    assert len(rows) == len(lines) + sum(done.skipped.values())
    assert done.split == done.messages.num_rows - len(first)
    assert len(lines) == len(set(lines))
    assert sorted(done.rejects["line"].to_pylist()) == done.rejects["line"].to_pylist()
    assert set(done.rejects["code"].to_pylist()) <= set(RejectCode)
    assert set(done.skipped) <= set(SkipReason)
    for message in done.messages.to_pylist():
        row = rows[message["line"]]
        expected = {"plan": row["plan"]} if row["plan"] else {}
        said = json.loads(message["variables"])
        said.pop("speaker", None)
        assert expected == said
        assert message["text"].strip()


@given(jobs(), ROWS, st.integers(min_value=0, max_value=12))
def test_a_row_has_the_same_fate_in_any_batch(job, rows, cut):
    """Block edges fall anywhere; a message must not depend on its neighbours."""
    normalizer = Normalizer(job, now_us=NOW_US, key=KEY)
    whole = fates(normalizer(as_batch(rows)))
    first, second = (
        fates(normalizer(as_batch(rows[:cut]))),
        fates(normalizer(as_batch(rows[cut:], first=len(rows[:cut])))),
    )
    assert whole == tuple(one + other for one, other in zip(first, second, strict=True))
    batch = as_batch(rows)
    sliced = RowBatch(file="f", rows=batch.rows.slice(cut), lines=batch.lines.slice(cut))
    assert second == fates(normalizer(sliced))


@given(
    st.text(alphabet=st.sampled_from("ab .\n\r\t!\u0301\u200d😀🇩\u200b\xa0é"), max_size=200),
    st.integers(1, 40),
)
def test_parts_of_a_text_are_short_and_lose_nothing_but_white_space(text, limit):
    """Splitting must not cost a word."""
    parts = pieces(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    seen = re.compile(r"[\s\u200b\u200d\u2060\ufeff]")
    assert seen.sub("", text) == seen.sub("", "".join(parts))


@given(
    st.lists(
        st.sampled_from(
            ["> a", "b", "", "On 3 May 2024, at 10:12, Jo wrote:", "From: a", "Sent: b", "Subject: c"]
        )
    )
)
def test_words_without_quotes_are_some_of_the_lines_in_order(lines):
    """Stripping only leaves out."""
    left = iter(lines)
    assert all(line in left for line in own_words("\n".join(lines)).split("\n") if line)


def reference(cell: str, zone: str, ambiguous: str) -> int | str:
    """Return what one well-formed ISO cell means, by the standard library alone."""
    stamp, _, tail = cell.partition(".")
    digits = "".join(character for character in tail[: len(tail) - len(tail.lstrip("0123456789"))])
    rest = tail[len(digits) :]
    if not tail:
        stamp, rest = stamp[:19], stamp[19:]
    rest = rest.strip().replace("UTC", "Z").replace("z", "Z")
    try:
        wall = datetime.fromisoformat(stamp)
    except ValueError:
        return "bad_timestamp"
    if wall.year > 2037:  # out of range whatever the clocks' rules will be, on which libraries differ
        return "timestamp_out_of_range"
    micro = int(digits[:6].ljust(6, "0"))
    if rest:
        sign = -1 if rest[0] == "-" else 1
        number = rest[1:].replace(":", "").ljust(4, "0")
        ahead = 0 if rest == "Z" else sign * (int(number[:2]) * 60 + int(number[2:]))
        us = (wall - datetime(1970, 1, 1)) // timedelta(microseconds=1) + micro - ahead * 60_000_000  # noqa: DTZ001  a wall time
    else:
        both = [wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
        if both[0].utcoffset() != both[1].utcoffset():
            back = both[0].astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            if back != wall:
                return "timestamp_nonexistent"
            if ambiguous == "reject":
                return "timestamp_ambiguous"
        chosen = both[ambiguous == "later"].astimezone(UTC)
        us = (chosen - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) + micro
    inside = 1_000_000_000 <= us // 1_000_000 <= NOW_US // 1_000_000 + 86_400
    return us if inside else "timestamp_out_of_range"


@st.composite
def iso_cells(draw):
    """Return cells of the right shape, often beside a change of the clocks, sometimes no real date."""
    day = draw(
        st.sampled_from(["2024-10-27", "2024-03-31", "2023-11-05", "2023-03-12", "2011-12-30", "2024-02-30"])
        | st.dates(min_value=datetime(1990, 1, 2, tzinfo=UTC).date()).map(str)
    )
    clock = draw(st.times()).strftime("%H:%M:%S")
    clock = draw(st.sampled_from([clock, "02:30:00", "01:59:59", "00:15:00"]))
    fraction = draw(st.just("") | st.from_regex(r"\.[0-9]{1,12}", fullmatch=True))
    offset = draw(
        st.sampled_from(["", "", "Z", "z", " UTC", " Z"])
        | st.from_regex(r" ?[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]", fullmatch=True)
    )
    return day + draw(st.sampled_from("T ")) + clock + fraction + offset


ZONES = st.sampled_from(
    [
        "Europe/Copenhagen",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Tokyo",
        "Europe/Dublin",
    ],
)


@settings(max_examples=200)
@given(st.lists(iso_cells(), min_size=1, max_size=20), ZONES, st.sampled_from(["reject", "earlier", "later"]))
def test_iso_times_mean_what_the_standard_library_says(stamps, zone, ambiguous):
    """Pandas does whole columns; a reading cell by cell must come to the same."""
    job = Job.model_validate(
        {
            "source": "s",
            "target": {"deployment_id": "d"},
            "columns": {"user": "user", "text": "text", "timestamp": "timestamp"},
            "roles": {"everyone": "customer"},
            "time": {"format": "iso8601", "zone": zone, "ambiguous": ambiguous},
        },
    )
    sound = dict.fromkeys(NAMES, "x")
    done = Normalizer(job, now_us=NOW_US, key=KEY)(
        as_batch([sound | {"timestamp": stamp} for stamp in stamps])
    )
    got: dict[int, int | str] = dict(
        zip(done.messages["line"].to_pylist(), done.messages["at"].cast(pa.int64()).to_pylist(), strict=True),
    )
    got |= dict(zip(done.rejects["line"].to_pylist(), done.rejects["code"].to_pylist(), strict=True))
    assert {line: reference(stamp, zone, ambiguous) for line, stamp in enumerate(stamps)} == got
