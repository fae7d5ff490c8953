"""The screen of text that a dry run shows of the messages."""

from dataclasses import replace

from etl.model.insight import LongLane, Sessions
from etl.report.insight import insight_lines
from support.plans import COUNTS, INSIGHT, PLAN


def test_an_insight_reads_as_expected():
    """The whole text, as a person sees it."""
    assert [
        "conversations 3,000 at a session expiration of 600 min",
        "  what if     1 h 5,000 · 10 h 3,000 · 1 d 2,000 · 2 d 1,500 · 7 d 900",
        "sides         10 without an answer, 20 without a customer, 30 of 3,000 begin with an agent",
        "longest lanes 'ann' 3 (< 0.1 %)",
        "years         2024 1,234,000",
        "silences      half up to 1.5 min, 90 % up to 2.0 h; 1 % in the same second as the one before",
        (
            "texts         half up to 100 characters, 99 % up to 900, longest 9,000; "
            "most repeated opening 1,500 times"
        ),
    ] == insight_lines(PLAN, INSIGHT)


def test_tickets_show_what_is_split_and_mixed_either_way():
    """A person chooses between `message.lane` user and conversation."""
    planned = (
        Sessions(expiration_minutes=90, conversations=9, split=1, merged=2),
        Sessions(expiration_minutes=600, conversations=7, split=0, merged=3),
    )
    tickets = (replace(planned[0], merged=0), replace(planned[1], merged=0))
    preview = replace(INSIGHT.preview, tickets=8, as_planned=planned, by_ticket=tickets)
    lines = insight_lines(PLAN, replace(INSIGHT, preview=preview))
    at = next(place for place, line in enumerate(lines) if line.startswith("conversations"))
    assert [
        (
            "conversations 7 at a session expiration of 600 min from 8 tickets: 0 tickets split, "
            "3 conversations mix tickets"
        ),
        "  what if     90 min 9 (1 split, 2 mixed) · 10 h 7 (0 split, 3 mixed)",
        "  by ticket   90 min 9 (1 split, 0 mixed) · 10 h 7 (0 split, 0 mixed)",
    ] == lines[at : at + 3]


def test_warnings_come_first():
    """They are why a person reads this."""
    lines = insight_lines(replace(PLAN, found={"html": 3}), INSIGHT)
    assert lines[0].startswith("warning: 3 texts look like HTML")


def test_lanes_that_decide_the_duration_are_counted():
    """Then a higher rate is not worth asking for."""
    counts = (("a", 9), ("b", 8), ("c", 2))
    longest = tuple(LongLane(lane=name, messages=count, share=0.1) for name, count in counts)
    told = (replace(PLAN, longest_lane=9), replace(INSIGHT, longest=longest))
    line = "  lanes that each take longer than the rate: 2; a higher rate does not help"
    assert line in insight_lines(*told, rate_bound_seconds=5.0, lane_bound_seconds=9.0)
    assert line not in insight_lines(*told, rate_bound_seconds=9.0, lane_bound_seconds=9.0)
    some = insight_lines(*told, rate_bound_seconds=1.0, lane_bound_seconds=9.0)
    assert line.replace("2;", "3 or more;") in some


def test_long_lists_are_cut_and_say_so():
    """One screen, whatever the input."""
    times = replace(INSIGHT.times, per_year={str(year): 10 for year in range(2001, 2011)})
    offsets = {"Z": 50, "+02:00": 20, "+01:00": 15, "-07:00": 10, "none": 5}
    lines = insight_lines(replace(PLAN, offsets=offsets), replace(INSIGHT, times=times))
    assert "years         2005 10, 2006 10, 2007 10, 2008 10, 2009 10, 2010 10, before 40" in lines
    assert "offsets       Z 50 %, +02:00 20 %, +01:00 15 %, -07:00 10 %, others 5 %" in lines


def test_an_empty_plan_shows_nothing():
    """There is nothing to look at."""
    assert [] == insight_lines(replace(PLAN, conservation=replace(COUNTS, planned=0)), INSIGHT)
