"""The same plan as a user would write it with pandas: `apply` row by row, everything in memory.

    python tests/bench/naive.py export.csv plan.parquet

`plan.py --naive` runs it beside etl.
"""

import re
import sys
import unicodedata
from datetime import datetime
from hashlib import sha256

import pandas as pd

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ROLES = {"customer": "customer", "agent": "agent"}


def clean(text: str) -> str:
    """Return a text as it may be sent."""
    return unicodedata.normalize("NFC", CONTROLS.sub("", text)).strip()


def content(row: pd.Series) -> str:
    """Return what recognises a message again."""
    words = f"{row['user']}\0{row['at'].isoformat()}\0{row['role']}\0{row['text']}"
    return sha256(words.encode()).hexdigest()[:32]


def plan(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the messages in sending order, and the rejects."""
    rows["line"] = rows.index + 2
    rows["role"] = rows["role"].apply(ROLES.get)
    rows["text"] = rows["text"].apply(clean)
    sound = rows.apply(lambda row: bool(row["user"] and row["text"] and row["role"]), axis=1)
    messages = rows[sound].copy()
    messages["at"] = messages["at"].apply(datetime.fromisoformat)
    messages["content"] = messages.apply(content, axis=1)
    messages["key"] = messages["id"].apply(lambda name: sha256(f"bench\0{name}".encode()).hexdigest()[:32])
    messages = messages.drop_duplicates("key")
    messages["length"] = messages.groupby("user")["user"].transform("size")
    messages = messages.sort_values(["length", "user", "at", "line"], ascending=[False, True, True, True])
    return messages, rows[~sound]


if __name__ == "__main__":
    ordered, rejects = plan(pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False))
    ordered.to_parquet(sys.argv[2], compression="zstd")
    rejects.to_csv(f"{sys.argv[2]}.rejects.csv", index=False)
