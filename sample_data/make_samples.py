"""Write the sample files of an invented furniture shop, the same bytes every time.

Run `python sample_data/make_samples.py [FOLDER]`; without a folder it writes beside itself. The dialogues
are in `threads.toml` and `dirty.toml`. The committed files are this script's output; a test compares them.
"""  # noqa: INP001  a script beside its data, no package

import argparse
import csv
import io
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

HERE: Final = Path(__file__).resolve().parent
SEED: Final = 20_250_311
ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
FIRST_DAY: Final = datetime(2023, 1, 16, 6, tzinfo=UTC)

ZENDESK_COLUMNS: Final = ("id", "ticket_id", "requester_id", "author_role", "created_at", "public", "body")
ZENDESK_ROLES: Final = {"C": "end-user", "A": "agent", "N": "agent", "M": "admin", "S": "system"}
NEUTRAL_ROLES: Final = {"end-user": "customer", "agent": "agent", "admin": "agent", "system": "system"}
NEUTRAL_SCHEMA: Final = pa.schema(
    [
        pa.field("message_id", pa.int64()),
        pa.field("conversation_id", pa.int64()),
        pa.field("user_id", pa.int64()),
        pa.field("role", pa.string()),
        pa.field("sent_at", pa.timestamp("us", tz="UTC")),
        pa.field("is_public", pa.bool_()),
        pa.field("text", pa.string()),
    ],
)
INTERCOM_COLUMNS: Final = (
    "part_id", "conversation_id", "contact_id", "author_type", "part_type", "created_at", "body",
)  # fmt: skip
INTERCOM_PARTS: Final = {
    "C": ("user", "comment"),
    "L": ("lead", "comment"),
    "A": ("admin", "comment"),
    "B": ("bot", "comment"),
    "N": ("admin", "note"),
    "X": ("bot", "assignment"),
    "Z": ("admin", "close"),
}
DIRTY_COLUMNS: Final = (*ZENDESK_COLUMNS, "sequence")

_MESSAGE: Final = re.compile(r"([A-Z])(?:@(\d+)([smhd]?))?(?: (.*))?", re.DOTALL)
_CHOICE: Final = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGENTS: Final = ("Freja", "Emil", "Aya", "Jonas")

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of a dialogue, with its place in time."""

    conversation: int
    customer: int
    who: str
    at: datetime
    text: str


def _pause(rng: random.Random, who: str, gap: str | None, unit: str) -> timedelta:
    """Return the time since the message before; "@0" is the same second."""
    if gap is not None:
        seconds = int(gap) * _UNITS[unit]
        return timedelta(seconds=seconds + rng.randrange(seconds // 6 + 1))
    if who in "BX":
        return timedelta(seconds=rng.randrange(1, 6))
    return timedelta(seconds=rng.randrange(25, 5_400 if who in "AM" else 2_400))


def _dialogue(
    rng: random.Random,
    thread: Mapping[str, Any],
    conversation: int,
    customer: int,
    at: datetime,
    words: Mapping[str, Any],
) -> list[Said]:
    """Return one thread with every choice made and every slot filled."""
    native = words[thread["language"]]
    slots = {
        "name": native["name"][customer // 2 % len(native["name"])],
        "agent": rng.choice(_AGENTS),
        "product": rng.choice(native["product"]),
        "address": rng.choice(native["address"]),
        "order": f"NL-{rng.randrange(20_000, 30_000)}",
        "mail": f"customer{customer}@example.{'dk' if thread['language'] == 'da' else 'com'}",
    }
    said = []
    for source in thread["messages"]:
        match = _MESSAGE.fullmatch(source)
        if match is None:
            raise ValueError(f"not a message: {source!r}")
        who, gap, unit, text = match.groups()
        at += _pause(rng, who, gap, unit)
        text = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), text or "")
        for slot, value in slots.items():
            text = text.replace(f"{{{slot}}}", value)
        said.append(Said(conversation=conversation, customer=customer, who=who, at=at, text=text))
    return said


def _history(
    rng: random.Random,
    threads: list[Mapping[str, Any]],
    words: Mapping[str, Any],
    count: int,
    owner: Callable[[int], int],
) -> list[Said]:
    """Return `count` dialogues in order of time: four begin on one day, then weeks pass."""
    said: list[Said] = []
    day = FIRST_DAY
    by_language = {language: [one for one in threads if one["language"] == language] for language in words}
    for number in range(count):
        if number % 4 == 0:
            day += timedelta(days=rng.randrange(70, 92)) if number else timedelta()
        language = sorted(by_language)[number % 2]
        turn = number // 2
        thread = by_language[language][turn % len(by_language[language])]
        customer = owner(turn) * 2 + number % 2
        begin = day + timedelta(seconds=rng.randrange(4 * 3_600))
        said += _dialogue(rng, thread, 10_231 + number, customer, begin, words)
    return sorted(said, key=lambda one: one.at)


def _ids(rng: random.Random, start: int, count: int) -> list[int]:
    """Return rising ids with gaps, as vendors give them."""
    ids = []
    for _ in range(count):
        start += rng.randrange(40_000, 4_000_000)
        ids.append(start)
    return ids


def zendesk_rows(words: Mapping[str, Any], tickets: list[Mapping[str, Any]]) -> list[Row]:
    """Return the ticket history, with one stretch newest first and a few rows exported twice."""
    rng = random.Random(SEED)  # noqa: S311  samples, no secrets
    # The first fourteen turns open an account each; later ones come back to the first five.
    said = _history(rng, tickets, words, 48, lambda turn: turn if turn < 14 else turn * 3 % 5)  # noqa: PLR2004  see above
    users = _ids(rng, 1_903_450_000_000, 28)
    rows = [
        {
            "id": str(number),
            "ticket_id": str(one.conversation),
            "requester_id": str(users[one.customer]),
            "author_role": ZENDESK_ROLES[one.who],
            "created_at": one.at.strftime(ISO),
            "public": "FALSE" if one.who == "N" else "TRUE",
            "body": one.text,
        }
        for number, one in zip(_ids(rng, 9_412_000_000_000, len(said)), said, strict=True)
    ]
    rows[120:175] = sorted(rows[120:175], key=lambda row: row["created_at"], reverse=True)
    return [*rows[:240], *rows[236:], rows[40]]


def neutral_table(rows: Iterable[Row]) -> pa.Table:
    """Return the same history, row by row, with other column names and real types."""
    return pa.Table.from_pylist(
        [
            {
                "message_id": int(row["id"]),
                "conversation_id": int(row["ticket_id"]),
                "user_id": int(row["requester_id"]),
                "role": NEUTRAL_ROLES[row["author_role"]],
                "sent_at": datetime.fromisoformat(row["created_at"]),
                "is_public": row["public"] == "TRUE",
                "text": row["body"],
            }
            for row in rows
        ],
        schema=NEUTRAL_SCHEMA,
    )


def intercom_rows(words: Mapping[str, Any], chats: list[Mapping[str, Any]]) -> list[Row]:
    """Return chats as conversation parts: HTML, epoch seconds, the opening message as a comment."""
    rng = random.Random(SEED + 1)  # noqa: S311  samples, no secrets
    said = _history(rng, chats, words, 20, lambda turn: turn % 8)
    contacts = [f"{rng.getrandbits(96):024x}" for _ in range(16)]
    rows = []
    for number, one in zip(_ids(rng, 21_870_000_000, len(said)), said, strict=True):
        author, part = INTERCOM_PARTS[one.who]
        values = (
            number,
            one.conversation + 190_000_000,
            contacts[one.customer],
            author,
            part,
            int(one.at.timestamp()),
        )
        rows.append(dict(zip(INTERCOM_COLUMNS, (*map(str, values), one.text), strict=True)))
    return rows


def dirty_rows(rows: Iterable[Row]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """Return each record of `dirty.csv` with its entry in `dirty.toml`, which says what to expect of it.

    The `late` record is an hour older than the last message of the Zendesk sample, and of the same user.
    """
    sent = [row for row in rows if row["public"] == "TRUE" and row["author_role"] != "system"]
    last = max(sent, key=lambda row: row["created_at"])
    earlier = datetime.fromisoformat(last["created_at"]) - timedelta(hours=1)
    special = {"$user": last["requester_id"], "$earlier": earlier.strftime(ISO)}
    records: list[tuple[list[str], Mapping[str, Any]]] = []
    for number, entry in enumerate(tomllib.loads((HERE / "dirty.toml").read_text("utf-8"))["row"]):
        row = {
            "id": str(9_900_000_000_000 + 1_000 * number),
            "ticket_id": str(70_000 + number // 6),
            "requester_id": str(1_990_000_000_000 + 17 * (number // 6)),
            "author_role": "end-user",
            "created_at": (datetime(2025, 11, 3, 8, tzinfo=UTC) + timedelta(minutes=7 * number)).strftime(
                ISO
            ),
            "public": "TRUE",
            "body": "",
            "sequence": str(number),
        }
        row |= {
            column: special.get(entry[column], entry[column]) for column in DIRTY_COLUMNS if column in entry
        }
        row["body"] *= entry.get("repeat", 1)
        fields = list(row.values())[: entry.get("fields", len(row))] + entry.get("extra", [])
        records.append((records[-entry["again"]][0] if "again" in entry else fields, entry))
    return records


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> tuple[str, list[int]]:
    """Return the file's text and the physical line on which each row begins."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    lines = []
    for row in rows:
        lines.append(out.getvalue().count("\n") + 1)
        writer.writerow(row)
    return out.getvalue(), lines


def dirty_table(rows: list[Row]) -> str:
    """Return the README's table: line and expected code of every row of `dirty.csv` that is no message."""
    records = dirty_rows(rows)
    _, lines = _csv(DIRTY_COLUMNS, [fields for fields, _ in records])
    table = ["| Line | `dirty.toml` | `dirty-no-zone.toml` | What is wrong |", "|---:|---|---|---|"]
    for line, (_, entry) in zip(lines, records, strict=True):
        if "why" in entry:
            expected = entry.get("expect", "sound")
            table.append(f"| {line} | {expected} | {entry.get('no_zone', expected)} | {entry['why']} |")
    return "\n".join(table) + "\n"


def history() -> list[Row]:
    """Return the rows of `zendesk_comments.csv`."""
    source = tomllib.loads((HERE / "threads.toml").read_text("utf-8"))
    return zendesk_rows(source["words"], source["ticket"])


def write_all(folder: Path) -> None:
    """Write all sample files into `folder`."""
    source = tomllib.loads((HERE / "threads.toml").read_text("utf-8"))
    rows = history()
    parts = intercom_rows(source["words"], source["chat"])
    tables: dict[str, tuple[Iterable[str], Iterable[Iterable[str]]]] = {
        "zendesk_comments.csv": (ZENDESK_COLUMNS, [row.values() for row in rows]),
        "intercom_parts.csv": (INTERCOM_COLUMNS, [row.values() for row in parts]),
        "dirty.csv": (DIRTY_COLUMNS, [fields for fields, _ in dirty_rows(rows)]),
    }
    for name, (header, records) in tables.items():
        (folder / name).write_text(_csv(header, records)[0], "utf-8", newline="")
    pq.write_table(neutral_table(rows), folder / "zendesk_comments.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write (default: here)")
    write_all(parser.parse_args().folder)
