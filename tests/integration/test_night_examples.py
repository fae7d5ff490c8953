"""The examples in configs/ that run an import every night."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl.cli.main import COMMANDS, cli
from etl.errors import ExitCode

CONFIGS = Path(__file__).parents[2] / "configs"
UNITS = ("etl-import.service", "etl-import.timer")


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit file."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((CONFIGS / "systemd" / name).read_text(encoding="utf-8"))
    return parser


def cron_lines() -> list[list[str]]:
    """Return the lines of the crontab that start something, in six parts."""
    text = (CONFIGS / "cron.example").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.split(maxsplit=5) for line in lines if "=" not in line.split()[0]]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_every_line(tmp_path):
    """It passes by unknown settings with a warning, which this takes for a failure."""
    for name in UNITS:
        text = (CONFIGS / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/etl/bin/etl", sys.executable), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (verified.returncode, verified.stderr)


def test_service_tries_again_only_what_means_later():
    """75 is the only end that the same command mends by itself."""
    kept = {int(code) for code in unit(UNITS[0])["Service"]["RestartPreventExitStatus"].split()}
    ends = {ExitCode.OK, ExitCode.LATER, ExitCode.INTERRUPTED, ExitCode.TERMINATED}

    assert set(ExitCode) - ends == kept


def test_timer_starts_the_service():
    """By its name, which is the same."""
    assert {"Unit", "Timer", "Install"} == set(unit(UNITS[1]).sections())
    assert Path(UNITS[0]).stem == Path(UNITS[1]).stem


def test_crontab_has_five_times_and_a_command():
    """Of the form that cron takes; % would end the command."""
    assert cron_lines()
    for *times, command in cron_lines():
        assert all(set(time) <= set("0123456789*/,-") for time in times)
        assert "%" not in command


def test_examples_start_what_exists():
    """Commands and options of these files are the program's."""
    commands = [command.partition(" etl ")[2] for *_, command in cron_lines()]
    commands.append(unit(UNITS[0])["Service"]["ExecStart"].partition("/etl ")[2])
    for command in commands:
        name, *words = command.partition(" >")[0].split()
        help_text = CliRunner().invoke(cli, [name, "--help"]).output
        assert name in COMMANDS
        assert [] == [word for word in words if word.startswith("--") and word not in help_text]
