"""The command line as such: start-up, errors, what a terminal gets to see."""

import os
import signal
import subprocess
import sys

import pytest

from etl.cli import main
from etl.cli.console import printable
from etl.errors import EtlError, ExitCode, InputError, LaterError, LedgerError, RefusedError, UsageError

HEAVY = (
    "prometheus_client",
    "pandas",
    "pyarrow",
    "numpy",
    "duckdb",
    "httpx",
    "fastapi",
    "jinja2",
    "pydantic",
    "uvicorn",
    "tqdm",
    "jinja2",
    "matplotlib",
)


def test_help_imports_nothing_heavy():
    """`etl --help` and shell completion must be instant: under 0.2 s of CPU."""
    code = (
        "import sys\n"
        "from etl.cli.main import run\n"
        "run(['--help'])\n"
        f"sys.exit(','.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Usage: etl" in result.stdout
    assert "" == result.stderr.strip()


def test_import_of_a_real_target_needs_no_web_framework():
    """The sandbox's is a third of the CPU between the command and the first request."""
    code = "import sys, etl.cli.importing\nsys.exit('fastapi' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="how a process learns of its pages")
def test_columns_lie_in_small_pages():
    """Clearing pages of 2 MiB that Arrow hands back and takes again cost a tenth of a plan."""
    look = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()))"
    run = "from etl.__main__ import main; main()"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MIMALLOC")}
    command = [sys.executable, "-c", f"{look}\n{run}", "plan", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout
    assert "THP_enabled:\t0" in shown


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError, 2), (InputError, 4), (LedgerError, 5), (RefusedError, 6), (LaterError, 75)],
)
def test_every_group_of_errors_has_its_exit_code(error, code):
    """The code says what to do next."""
    assert code == error.exit_code


def test_every_error_belongs_to_a_group():
    """A new one must choose."""
    for error in EtlError.__subclasses__():
        assert error.exit_code is not ExitCode.DEFECT


def test_usage_error_of_the_command_line_is_two(capsys):
    """As every tool does."""
    assert 2 == main.run(["import"])
    assert "Missing argument" in capsys.readouterr().err


def test_unknown_command_is_two(capsys):
    """And nothing is imported."""
    assert 2 == main.run(["imprt"])
    assert "imprt" in capsys.readouterr().err


def test_defect_shows_its_place_and_not_its_text(monkeypatch, capsys):
    """An exception's text could quote a message."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr(main.cli, "main", broken)
    assert ExitCode.DEFECT == main.run(["check"])
    shown = capsys.readouterr().err
    assert "RuntimeError" in shown
    assert "secret" not in shown


def test_printable_shows_what_a_terminal_would_obey():
    """Escape sequences, bidirectional marks and forged lines (CVE-2009-4487)."""
    assert r"a\x1b[2Jb" == printable("a\x1b[2Jb")
    assert r"\u202egnp.exe" == printable("\u202egnp.exe")
    assert r"one\rtwo" == printable("one\rtwo")
    assert "æ 日本 😀\nnext" == printable("æ 日本 😀\nnext")


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_has_a_meaning(code):
    """The README prints it."""
    assert code.meaning


LOST = """
import os, signal, sys
from etl.cli.main import again_where_lost, run

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))

def wait(*_args, **_words):
    Finalized()
    signal.pause()

sys.unraisablehook = again_where_lost
import etl.cli.main
etl.cli.main.cli.main = wait
sys.exit(run([]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_that_falls_into_a_finalizer_is_not_lost(number, code):
    """Python ignores what is raised there: the command would go on as if nobody had stopped it."""
    ended = subprocess.run(
        [sys.executable, "-c", LOST, str(int(number))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert code == ended.returncode, ended.stderr
    assert "Traceback" not in ended.stderr
