"""The run report's content and page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.ledger.evidence import Pause
from etl.report.approved import approved
from etl.report.replayed import KEYS, Unsettled
from etl.report.replayed_page import verdict, write_run_page
from etl.report.steps import Standing, next_steps
from support.plans import PLAN
from support.replayed import ENTRY, POINTS, REPORT, RUN, START

EVIL = "<img src=x onerror=alert(1)> \u202egnp.exe \x1b[2J"


def test_the_json_is_the_golden_one():
    """Scripts read it: a key that changes needs a new version."""
    golden = json.loads(Path(__file__).with_name("run_report.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(REPORT.as_json()))
    found["plan"] = found["plan"]["hash"]
    assert golden == found
    assert list(KEYS) == list(REPORT.as_json())


def test_states_that_do_not_add_up_are_told_first():
    """Promise P1: a number that is missing must never look complete."""
    broken = replace(REPORT, states={**REPORT.states, "pending": 0})
    assert not broken.balanced
    assert "stop" == verdict(broken)[0]


@pytest.mark.parametrize(
    ("states", "look", "title"),
    [
        ({"accepted": 1_234_000}, "ready", "Complete"),
        ({"accepted": 1_233_999, "skipped": 1}, "ready", "Complete"),
        ({"accepted": 1_233_999, "pending": 1}, "warn", "Not complete"),
        ({"accepted": 1_233_999, "uncertain": 1}, "stop", "Not complete"),
        ({"accepted": 1_233_999, "rejected": 1}, "stop", "Not complete"),
    ],
)
def test_the_verdict_says_complete_only_when_it_is(states, look, title):
    """The first line is what most people read."""
    full = dict.fromkeys(REPORT.states, 0) | states
    assert (look, title) == verdict(replace(REPORT, states=full))[:2]


def test_nothing_foreign_can_act_on_the_page(tmp_path):
    """Ids and reasons are written by strangers, host names and stops by machines."""
    entry = replace(ENTRY, lane=EVIL, reason=EVIL)
    report = replace(
        REPORT,
        job=EVIL,
        target=EVIL,
        runs=(replace(RUN, host=EVIL, stop=EVIL),),
        unsettled=Unsettled(uncertain_by_code={EVIL: 1}, rejected_by_code={}, held_lanes=0, listed=(entry,)),
        pauses=(Pause(at_us=START, until_us=START + 1, reason=EVIL),),
    )
    page = tmp_path / "page.html"
    write_run_page(page, report, json_file=tmp_path / "page.json")
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert not {"\u202e", "\x1b"} & set(text)
    assert "&lt;img" in text
    assert 0o600 == page.stat().st_mode & 0o777


def test_the_page_has_each_chart_with_its_numbers_and_the_command_for_each_message(tmp_path):
    """Readable without the picture, and to be copied from."""
    page = tmp_path / "page.html"
    write_run_page(page, REPORT, json_file=tmp_path / "page.json")
    text = page.read_text(encoding="utf-8")
    assert 3 == text.count("<svg") == text.count("<summary>The numbers")
    assert f"etl settle job.toml --sandbox --accepted {ENTRY.key.hex()}" in text
    assert 300_000 > len(text)


def test_a_run_of_a_moment_has_a_page_without_pictures(tmp_path):
    """They would say nothing, and drawing costs a second."""
    page = tmp_path / "page.html"
    short = replace(REPORT, timeline=(replace(POINTS[0], seconds=1.0),))
    write_run_page(page, short, json_file=tmp_path / "page.json")
    assert "<svg" not in page.read_text(encoding="utf-8")


def test_a_run_that_sent_nothing_has_a_page(tmp_path):
    """No runs, no answers, no forecast."""
    page = tmp_path / "page.html"
    counts = replace(PLAN.conservation, planned=0, known=1_234_500)
    empty = replace(
        REPORT,
        summary=replace(PLAN, conservation=counts),
        states={},
        runs=(),
        answers=(),
        pauses=(),
        latency=None,
        timeline=(),
        active_seconds=0.0,
        unsettled=Unsettled(uncertain_by_code={}, rejected_by_code={}, held_lanes=0, listed=()),
        steps=(),
        seals=(),
    )
    write_run_page(page, empty, json_file=tmp_path / "page.json")
    assert "Nothing to send" in page.read_text(encoding="utf-8")


def test_a_check_of_another_plan_is_compared_fact_by_fact(tmp_path):
    """So that whoever approved it sees what is no longer so."""
    plan = {
        "source": PLAN.source, "hash": "f" * 64, "lanes": 2, "longest_lane": 3,
        "conservation": {"planned": 5}, "roles": {},
    }  # fmt: skip
    check = {"report": "validation", "made_at": "2024-05-01T10:00:00+00:00", "plan": plan, "forecast": {}}
    (tmp_path / "check-ffffffffffff.json").write_text(json.dumps(check))
    others = {**plan, "source": "another job", "hash": "e" * 64}
    newer = {**check, "made_at": "2024-06-01T10:00:00+00:00", "plan": others}
    (tmp_path / "check-eeeeeeeeeeee.json").write_text(json.dumps(newer))
    (tmp_path / "check-broken.json").write_text("{")
    found = approved(tmp_path, PLAN, expected=())
    assert (False, "f" * 64) == (found.same_plan, found.checked_plan)
    assert ("2", "1") == next((one.checked, one.sent) for one in found.differences if one.name == "lanes")
    assert "longest_lane" not in {one.name for one in found.differences}


def test_the_next_steps_begin_with_what_presses_most():
    """A ledger that is in doubt comes before everything else."""
    standing = Standing(
        pending=5, rejected=1, uncertain=2, rejected_by_code={"http_422": 1}, forecast_seconds=1.0
    )
    assert [
        "etl import job.toml",
        "etl verify job.toml --settle",
        "etl settle job.toml --accepted KEY…",
        "etl settle job.toml --resend KEY…",
        "etl settle job.toml --skip KEY…",
        "etl retry job.toml --code http_422",
    ] == [step.command for step in next_steps(standing, "job.toml")]
    assert ["etl import job.toml --restored"] == [
        step.command for step in next_steps(replace(standing, concern="older"), "job.toml")
    ]
