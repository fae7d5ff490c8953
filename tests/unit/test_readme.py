"""The README is the manual: its tables are the code's, its blocks are what CI and users run."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl.cli.main import COMMANDS, cli
from etl.config.load import load_job, parse_job
from support.readme import README, filled

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_readme_tables_are_the_codes():
    """Exit codes, states, rejects, skips, commands and settings change in one place."""
    assert filled(TEXT) == TEXT


def test_readme_begins_with_the_two_set_up_commands():
    """They are what a new user and CI type, one line each."""
    first, second = blocks("sh")[:2]
    assert 1 == first.count("\n") == second.count("\n")
    assert first.rstrip().endswith("etl import configs/zendesk.toml --sandbox")
    assert second.rstrip().endswith("-m pytest -q")


def test_ci_runs_the_readmes_test_command():
    """`.ci/run` takes the second block out of the README instead of repeating it."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "block == 2" in script


def test_readme_job_is_the_sample_job():
    """The example that people copy is the one that tests run."""
    (block,) = blocks("toml")
    sample = load_job(ROOT / "configs" / "zendesk.toml").job
    assert sample == parse_job(tomllib.loads(block), name="README")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    """And it mentions what the command is for."""
    result = CliRunner().invoke(cli, [name, "--help"])
    assert 0 == result.exit_code
    assert f"{name}" in result.output


def test_readme_mentions_only_files_that_exist():
    """Paths in the text are paths of the project."""
    names = re.findall(r"`((?:configs|sample_data|tests|\.ci)/[\w./-]+)`", TEXT)
    assert names
    assert [] == [name for name in names if not Path(ROOT, name).exists()]
