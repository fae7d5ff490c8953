"""The job file that `etl init` writes: valid TOML, whatever stands in it, and open points in comments."""

import tomllib

import pytest

from etl.config.proposal import Proposal, SecondFile, Setting, Status
from etl.report.jobfile import WIDTH, render, toml, toml_key

NASTY = [
    'say "hi"',
    "back\\slash",
    "tab\there",
    "new\nline",
    "del\x7f",
    "\x00",
    "æøå 漢 😩",
    "",
    " ",
    "\u202ertl",
    "# no",
]


def rendered(*settings: Setting, **more: object) -> str:
    """Return the job file of these settings."""
    proposal = Proposal(preset=None, title="a test", rows=2, settings=settings, **more)  # type: ignore[arg-type]
    return render(proposal, name="job.toml", looked_at="a.csv")


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_from_toml(text):
    """Column names and role values are written by strangers."""
    assert {"a": text} == tomllib.loads(f"a = {toml(text)}")
    assert {text: 1} == tomllib.loads(f"{toml_key(text)} = 1")
    assert {"a": {text: [text]}} == tomllib.loads(f"a = {toml({text: [text]})}")


@pytest.mark.parametrize("text", NASTY)
def test_comment_never_ends_early(text):
    """A reason quotes values; a line end in one would begin a setting."""
    job = rendered(Setting(table="", key="source", value="a", why=(text,)), warnings=(text,), notes=(text,))

    assert {"source": "a", "replay": {"rate_per_second": 2.0}} == tomllib.loads(job)


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (Status.OPTION, '# zone = "UTC"'),
        (Status.NEEDED, '# needed: zone = "UTC"'),
        (Status.DECIDE, '# decide: zone = "UTC"'),
    ],
)
def test_open_setting_is_a_comment_that_says_so(status, line):
    """Nothing that nobody decided is in force."""
    job = rendered(Setting(table="time", key="zone", value="UTC", status=status))

    assert line in job.splitlines()
    assert {} == tomllib.loads(job)["time"]


def test_settings_in_force_are_the_proposals_job():
    """What --json says is what the file says."""
    settings = (
        Setting(table="", key="source", value="a"),
        Setting(table="columns", key="user", value={"customer_of": "a b"}),
        Setting(table="rows", key="keep", value={"x.y": ["true"]}, why=("because",)),
        Setting(table="roles", key="customer", value=[f"value number {n}" for n in range(40)]),
    )
    seconds = (
        SecondFile(
            kind="join",
            what="users",
            needed=True,
            files=("u.csv",),
            table={"on": "a", "columns": {"b c": "d"}},
        ),
        SecondFile(kind="opening", what="tickets", needed=False, files=(), table={"columns": {"a": "b"}}),
    )
    proposal = Proposal(preset=None, title="a test", rows=2, settings=settings, seconds=seconds)

    job = tomllib.loads(render(proposal, name="job.toml", looked_at="a.csv"))

    assert {**proposal.job(), "replay": {"rate_per_second": 2.0}} == job
    assert "opening" not in job


def test_long_lists_and_reasons_are_broken_into_readable_lines():
    """A person reads it in a terminal."""
    job = rendered(
        Setting(
            table="roles",
            key="customer",
            value=[f"value number {n}" for n in range(40)],
            why=("words " * 60,),
        )
    )

    assert max(map(len, job.splitlines())) <= WIDTH
