"""Token and texts after everything that can go wrong; and the scanner that looks for them."""

import base64
import errno
import gzip
import sys
from subprocess import DEVNULL, PIPE, Popen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.leaks import in_command_lines, leaks, loose_modes
from support.ledger import stored
from support.recorder import TOKEN, Arrival, Reply
from support.scene import LATENCY_SECONDS, SECRETS, scene
from support.shim import Fault, Kind, Mode

LOG = ("--log-file", "run.log", "--log-level", "debug")


def echo(arrival: Arrival, number: int) -> Reply:
    """Quote the whole request, wherever an answer has room for it."""
    quoted = f"{arrival.headers['authorization']} {arrival.text}"
    body = f'{{"error": "{quoted}", "message": [], "id": "{quoted}", "conversation_id": "{quoted}"}}'
    headers = {"X-Echo": quoted, "Location": f"/{TOKEN}", "Content-Type": quoted}
    status = (422, 200, 500, 409)[number % 4]
    return Reply(
        status=status, body=body.encode(), headers=headers, delay_seconds=LATENCY_SECONDS, taken=status >= 500
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(), id="no fault"),
        pytest.param(Fault(mode=Mode.FAIL, at=8, kinds=Kind.SYNC, within="sqlite-wal", ever=True), id="full"),
        pytest.param(
            Fault(mode=Mode.FAIL, at=8, kinds=Kind.SYNC, error=errno.EIO, ever=True), id="all disks broken"
        ),
        pytest.param(Fault(mode=Mode.KILL, at=7, kinds=Kind.SEND), id="killed"),
    ],
)
def test_platform_that_quotes_the_request_gets_it_into_no_file_and_no_output(tmp_path, zygotes, fault):
    """Not into ledger, log, reports, exports or the outcomes that a broken ledger leaves beside it."""
    shown: list[str] = []

    def answer(arrival: Arrival, number: int) -> Reply:
        if number == 3:
            shown.extend(in_command_lines(SECRETS))
        return echo(arrival, number)

    with scene(tmp_path / "scene", zygotes[0], breaker=1_000) as place:
        place.server.answer = answer
        place.run("import", "job.toml", *LOG, fault=fault)
        for words in (
            ("status", "job.toml"),
            ("status", "job.toml", "--json"),
            ("import", "job.toml", "--json", *LOG),
            ("settle", "job.toml", "--all", "--resend", "--json"),
            ("retry", "job.toml", "--all", "--dry-run"),
            ("ledger", "export", "job.toml"),
            ("ledger", "export", "job.toml", "--format", "parquet", "-o", "ledger.parquet"),
            ("doctor", "job.toml"),
        ):
            place.run(*words)
        assert {"rejected", "pending"} <= set(stored(place.folder).values())
        assert [] == shown
        assert (place.folder / "run.log").stat().st_size > 0
        assert [] == leaks(place.folder, place.outputs, SECRETS)
        assert [] == loose_modes(place.folder / "etl-state")


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(f"x{TOKEN}y".encode(), id="as it is"),
        pytest.param(f"<{TOKEN}>".encode("utf-16"), id="UTF-16"),
        pytest.param(f"a {SECRETS[0]} b".encode().hex().encode(), id="hex"),
        *[
            pytest.param(base64.b64encode(before + TOKEN.encode() + b"!"), id=f"base64 at {len(before)}")
            for before in (b"", b"a", b"bc")
        ],
        pytest.param(gzip.compress(TOKEN.encode()), id="gzip"),
    ],
)
def test_scanner_finds_a_planted_leak(tmp_path, planted):
    """The scanner itself can fail."""
    (tmp_path / "clean.log").write_bytes(b"chat-api-token\nsecret")
    (tmp_path / "leak.log").write_bytes(planted)
    assert ["output 1", "leak.log"] == leaks(tmp_path, ["clean", "a secret text b"], SECRETS)


def test_scanner_looks_into_compressed_columns(tmp_path):
    """A text in Parquet is no text to a search for octets."""
    table = pa.table({"a": [f"{SECRETS[0]} {number}" for number in range(1_000)]})
    pq.write_table(table, tmp_path / "leak.parquet", compression="zstd")
    pq.write_table(table, tmp_path / "messages.parquet")
    assert ["leak.parquet"] == leaks(tmp_path, [], SECRETS)


def test_scanner_sees_command_lines_and_modes(tmp_path):
    """What everybody on the machine can read."""
    (tmp_path / "loose").touch(0o644)
    (tmp_path / "tight").touch(0o600)
    assert ["loose"] == loose_modes(tmp_path)
    waiting = "print(flush=True); input()"
    with Popen([sys.executable, "-c", waiting, TOKEN], stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert str(process.pid) in in_command_lines(SECRETS)
