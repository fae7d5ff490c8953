"""The verdict and the things to do next, as a manager reads them."""

from dataclasses import replace

from etl.report.thresholds import Refusal
from etl.report.verdict import Readiness, Typed, judge
from support.plans import COUNTS, INSIGHT, PLAN

SOUND = replace(PLAN, conservation=replace(COUNTS, rejects=0, known=504), rejects_by_code={})
REFUSED = Refusal(fault="too much", remedy="take less")


def judged(summary, broken=(), unknown=None, settled=0):
    """Return the verdict for commands that can be told apart."""
    return judge(
        summary,
        INSIGHT,
        list(broken),
        unknown or {},
        settled=settled,
        typed=Typed(check="CHECK", send="IMPORT"),
    )


def test_a_sound_plan_is_ready_and_the_commands_send_exactly_it():
    """One user first, then the rest; both name the plan."""
    verdict = judged(SOUND)
    assert Readiness.READY is verdict.readiness
    assert "1,234,000 messages of 1 user can be sent, and nothing looks odd." == verdict.sentence
    assert ["IMPORT --expect-plan abcdef012345 --canary", "IMPORT --expect-plan abcdef012345"] == [
        step.command for step in verdict.steps
    ]


def test_a_plan_under_way_says_how_much_of_it_is_done():
    """Whoever signs must not read as to be sent what was sent last night."""
    begun, done = judged(SOUND, settled=234), judged(SOUND, settled=SOUND.conservation.planned)
    assert "can be sent, 234 of which are settled already, and" in begun.sentence
    assert (Readiness.NOTHING, "All 1,234,000 messages of this plan are settled already.") == (
        done.readiness,
        done.sentence,
    )
    assert not any(step.command for step in done.steps)


def test_rejects_come_before_warnings_and_both_before_sending():
    """Three things, the gravest first."""
    summary = replace(
        PLAN, rejects_by_code={"empty_text": 9, "bad_timestamp": 4}, found={"html": 3, "mojibake": 2}
    )
    verdict = judged(summary)
    assert Readiness.WARNINGS is verdict.readiness
    assert verdict.sentence.endswith("; 4 rows are left out as rejects; read the 2 warnings first.")
    first, second, third = verdict.steps
    assert "Look at the 4 rejects in rejects.csv" in first.text
    assert "state the column's real format" in first.text
    assert second.text.startswith("Look into this: 3 texts look like HTML")
    assert third.command.endswith("--canary")


def test_rejects_that_nobody_can_mend_are_no_step():
    """An empty text stays empty."""
    verdict = judged(replace(PLAN, rejects_by_code={"empty_text": 4}))
    assert "IMPORT --expect-plan abcdef012345 --canary" == verdict.steps[0].command


def test_a_broken_limit_is_not_ready_and_no_step_sends():
    """The last step is to check again."""
    verdict = judged(SOUND, [REFUSED])
    assert Readiness.NOT_READY is verdict.readiness
    assert "An import would send nothing, for 1 reason." == verdict.sentence
    assert "Too much: take less." == verdict.steps[0].text
    assert "CHECK" == verdict.steps[-1].command
    assert not any(step.command.startswith("IMPORT") for step in verdict.steps)


def test_a_role_without_a_name_is_not_ready():
    """An import would stop there too (promise P4)."""
    verdict = judged(SOUND, unknown={"trigger": 1})
    assert Readiness.NOT_READY is verdict.readiness
    assert "trigger (1 row)" in verdict.steps[0].text


def test_there_are_never_more_than_three_steps():
    """A longer list is not read."""
    verdict = judged(PLAN, [REFUSED] * 5, {"x": 1})
    assert 3 == len(verdict.steps)
    assert 6 == len(verdict.refusals)


def test_nothing_new_is_a_verdict_of_its_own():
    """It is no failure, and nothing is to be typed."""
    verdict = judged(replace(SOUND, conservation=replace(COUNTS, rejects=0, known=COUNTS.rows, planned=0)))
    assert Readiness.NOTHING is verdict.readiness
    assert [""] == [step.command for step in verdict.steps]
