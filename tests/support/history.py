"""Generated histories and job files for tests that run the whole program."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.recorder import DEPLOYMENT

HEADER = ("id", "user", "role", "at", "text")
_START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


def rows(*, users: int, messages: int, start: int = 0) -> list[tuple[str, str, str, str, str]]:
    """Return `messages` rows of each user, interleaved in time; texts are unmistakable."""
    table = []
    for number in range(start, start + messages):
        for user in range(users):
            at = _START + timedelta(minutes=7 * number, seconds=user)
            role = "agent" if number % 3 == 2 else "customer"
            text = f"secret text {user:03} {number:04}"
            table.append((f"m{user}-{number}", f"user-{user:03}", role, f"{at:%Y-%m-%dT%H:%M:%SZ}", text))
    return table


def write_csv(path: Path, table: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(table)
    return path


def write_job(folder: Path, base_url: str, /, **replay: float | str) -> Path:
    """Write a job for `rows` into a folder; `replay` are settings of that table."""
    settings = {"rate_per_second": 200, "lanes": 4, "timeout_seconds": 10, **replay}
    lines = "\n".join(
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
        for key, value in settings.items()
    )
    path = folder / "job.toml"
    path.write_text(
        f"""
source = "test"
[target]
base_url = "{base_url}"
deployment_id = "{DEPLOYMENT}"
[input]
files = ["history.csv"]
[columns]
id = "id"
user = "user"
role = "role"
timestamp = "at"
text = "text"
[roles]
customer = ["customer"]
agent = ["agent"]
[replay]
{lines}
""",
        encoding="utf-8",
    )
    return path
