"""What is sent and in which order."""

from hashlib import sha256

import numpy as np
import pyarrow.parquet as pq
import pytest

from etl.plan.lanes import plan_rejects


def rejects(plan):
    """Return a plan's rejects as (file, line, code)."""
    rows = [row for batch in plan_rejects(plan) for row in batch.to_pylist()]
    return [(row["file"], row["line"], row["code"]) for row in rows]


def details(plan):
    """Return what a plan says of its rejects."""
    return [row["detail"] for batch in plan_rejects(plan) for row in batch.to_pylist()]


def keys(planner, plan):
    """Return the keys of a plan in order."""
    return [message.key for message in planner.messages(plan)]


def test_two_equal_messages_of_one_file_stay_two(planner, row):
    """People do write `ok` twice in a second; the second gets a key of its own."""
    plan = planner([row("ok"), row("ok"), row("ok")])
    assert plan.summary.conservation.planned == 3
    assert len(set(keys(planner, plan))) == 3
    assert plan.summary.conservation.balanced


def test_the_same_repeats_in_an_overlapping_file_add_nothing(planner, row):
    """An export that overlaps holds the same occurrences again (promise P7)."""
    plan = planner([row("ok"), row("ok")], [row("other", at=9), row("ok"), row("ok")])
    assert plan.summary.conservation.planned == 3
    assert plan.summary.conservation.duplicates == 2


def test_a_third_repeat_in_a_later_file_is_one_more_message(planner, row):
    """The longer history wins: its third occurrence was never seen before."""
    plan = planner([row("ok"), row("ok")], [row("ok"), row("ok"), row("ok")])
    assert plan.summary.conservation.planned == 3
    assert plan.summary.conservation.duplicates == 2


def test_keys_of_repeats_do_not_depend_on_file_line_or_batch(planner, row):
    """A ledger recognises them when the history is exported again."""
    first = planner([row("ok"), row("ok")])
    again = planner([row("x", at=5), row("ok"), row("y", at=6), row("ok")], first_line=70, batch_rows=1)
    assert keys(planner, first) == keys(planner, again)[:2]


def test_keys_of_repeats_are_fixed_for_ever(planner, row):
    """A change would make every ledger forget its repeated messages."""
    content = sha256(b"etl-message-2:3:ann:1700000000000000:customer:ok").digest()[:16]
    numbered = [sha256(f"{content.hex().upper()}:{n}".encode()).digest()[:16] for n in (1, 2)]
    assert [content, *numbered] == keys(planner, planner([row("ok")] * 3))


def test_a_message_with_an_id_keeps_its_key_among_equal_ones_without(planner, row):
    """Only messages without an id are told apart by counting."""
    plan = planner([row("ok"), row("ok", id="7"), row("ok")])
    assert row("ok", id="7")["key"] in keys(planner, plan)
    assert len(set(keys(planner, plan))) == 3


def test_messages_with_an_id_are_one_when_id_and_content_are_equal(planner, row):
    """The platform's id says that it is the same message, also within one file."""
    plan = planner([row("ok", id="7"), row("ok", id="7")])
    assert plan.summary.conservation.planned == 1
    assert plan.summary.conservation.duplicates == 1


def test_an_id_with_other_content_is_a_conflict_and_the_first_stays(planner, row):
    """File order first, then line; the reject says where the first one is."""
    plan = planner([row("a", at=5), row("first", id="7")], [row("second", id="7"), row("first", id="7")])
    assert planner.texts(plan) == ["first", "a"]
    assert rejects(plan) == [("b.csv", 2, "conflict")]
    assert details(plan) == ["the first is at a.csv:3"]
    assert plan.summary.conservation.duplicates == 1


def test_file_order_is_the_order_given_not_the_name(planner, row):
    """Which file comes first is the person's choice."""
    plan = planner([row("first", id="7")], [row("second", id="7")], file_names="zb")
    assert planner.texts(plan) == ["first"]


@pytest.mark.parametrize("state", ["accepted", "rejected", "uncertain", "in_flight", "skipped"])
def test_a_message_that_the_ledger_has_is_known_by_its_state(planner, row, known, state):
    """Nothing that was touched is planned again (promise P2)."""
    plan = planner([row("a"), row("b", at=1)], touched=[known(row("a"), state)])
    assert planner.texts(plan) == ["b"]
    assert plan.summary.known_by_state == {state: 1}


def test_a_known_id_with_other_content_is_a_conflict_without_any_text(planner, row, known):
    """The export was edited after sending; neither version may show in the reject (promise P8)."""
    plan = planner([row("new", id="7"), row("b", at=1)], touched=[known(row("old", id="7"))])
    assert rejects(plan) == [("a.csv", 2, "conflict")]
    assert details(plan) == ["the ledger has it as accepted with other content"]


def test_a_message_that_two_plans_of_the_ledger_hold_is_counted_once(planner, row, known):
    """A decision on an old plan can leave the same key twice; the sums must still add up."""
    touched = [known(row("a"), "skipped"), known(row("a"), "accepted")]
    plan = planner([row("a"), row("b", at=1)], touched=touched)
    assert plan.summary.known_by_state == {"accepted": 1}
    assert plan.summary.conservation.balanced


def test_repeats_of_a_known_message_are_duplicates(planner, row, known):
    """Each row leaves for one reason only."""
    plan = planner([row("a"), row("b", at=1)], [row("a")], touched=[known(row("a"))])
    assert plan.summary.conservation.known == 1
    assert plan.summary.conservation.duplicates == 1


@pytest.mark.parametrize("state", ["accepted", "uncertain", "in_flight"])
def test_a_message_older_than_what_the_lane_has_sent_is_late(planner, row, known, state):
    """Time never goes backwards within a lane, across runs too (promise P3)."""
    rows = [row("old", at=4), row("new", at=6), row("bob", at=1, lane="bob")]
    plan = planner(rows, touched=[known(row("sent", at=5), state)])
    assert sorted(planner.texts(plan)) == ["bob", "new"]
    assert rejects(plan) == [("a.csv", 2, "late")]
    assert details(plan) == ["the lane stands at 2023-11-14T22:13:25Z"]


@pytest.mark.parametrize("state", ["rejected", "skipped"])
def test_a_message_that_was_not_taken_makes_none_late(planner, row, known, state):
    """The platform does not hold it, so nothing goes backwards there."""
    plan = planner([row("old", at=4)], touched=[known(row("sent", at=5), state)])
    assert planner.texts(plan) == ["old"]


def test_messages_of_the_same_second_are_not_late(planner, row, known):
    """The API takes whole seconds: within one nothing goes backwards."""
    plan = planner([row("same", at=5.1), row("before", at=4.999)], touched=[known(row("sent", at=5.9))])
    assert planner.texts(plan) == ["same"]
    assert rejects(plan) == [("a.csv", 3, "late")]


def test_late_messages_are_planned_when_the_job_says_so(planner, row, known):
    """`replay.late = "send"`."""
    plan = planner([row("old", at=4)], touched=[known(row("sent", at=5))], reject_late=False)
    assert planner.texts(plan) == ["old"]


def test_a_known_message_is_not_late_as_well(planner, row, known):
    """It left already; a reject would make people look for a fault."""
    touched = [known(row("a", at=1)), known(row("b", at=9))]
    plan = planner([row("a", at=1), row("c", at=9)], touched=touched)
    assert plan.summary.known_by_state == {"accepted": 1}
    assert rejects(plan) == []


def test_lanes_go_longest_first_then_by_name(planner, row):
    """The longest lane bounds the whole replay, so it starts first."""
    lengths = {"c": 1, "b": 2, "a": 1, "d": 3}
    rows = [row(str(n), at=n, lane=lane) for lane, length in lengths.items() for n in range(length)]
    plan = planner(rows)
    table = pq.read_table(plan.lanes).to_pydict()
    assert table["lane"] == ["d", "b", "a", "c"]
    assert table["first"] == [0, 3, 5, 6]
    assert table["length"] == [3, 2, 1, 1]
    assert plan.summary.longest_lane == 3


def test_lane_names_are_ordered_by_code_point(planner, row):
    """Not by the machine's locale, or two machines would make two plans."""
    plan = planner([row(lane=lane) for lane in ("b", "é", "A", "a", "Z")])
    assert pq.read_table(plan.lanes)["lane"].to_pylist() == ["A", "Z", "a", "b", "é"]


def test_messages_of_a_lane_go_by_instant_sequence_file_and_line(planner, row):
    """Each tie is broken by the next; a missing sequence comes after the numbered ones."""
    first = [row("6", at=2), row("4", at=1), row("3", at=1, sequence=11), row("1", at=0.5)]
    second = [row("2", at=1, sequence=9), row("5", at=1)]
    assert planner.texts(planner(first, second)) == ["1", "2", "3", "4", "5", "6"]


def test_line_order_breaks_the_last_tie_as_a_number(planner, row):
    """Line 10 comes after line 9."""
    rows = [row(f"{n:02}") for n in range(12)]
    assert planner.texts(planner(rows)) == [f"{n:02}" for n in range(12)]


def test_rejects_come_in_order_of_file_and_line(planner, row):
    """People go through them with the file open."""
    plan = planner([row("a")], [row("b", at=1)], rejects=(12, 3))
    assert rejects(plan) == [
        ("a.csv", 3, "empty_text"), ("a.csv", 12, "empty_text"),
        ("b.csv", 3, "empty_text"), ("b.csv", 12, "empty_text"),
    ]  # fmt: skip


def test_the_summary_counts_roles_span_and_changes(planner, row):
    """The dry run prints them."""
    rows = [row("a", role="agent"), row("b", at=86_400), row("c", at=1)]
    summary = planner(rows, changed={"truncated": 2}, skipped={"private": 4}).summary
    assert summary.roles == {"agent": 1, "customer": 2}
    assert (summary.first_at, summary.last_at) == ("2023-11-14T22:13:20+00:00", "2023-11-15T22:13:20+00:00")
    assert summary.changed == {"truncated": 2}
    assert summary.skipped_by_reason == {"private": 4}
    assert summary.conservation.rows == 7


def test_an_input_without_messages_is_a_plan_without_lanes(planner):
    """Everything known already is an ordinary day."""
    summary = planner([]).summary
    assert (summary.lanes, summary.longest_lane, summary.conservation.planned) == (0, 0, 0)
    assert (summary.first_at, summary.last_at) == (None, None)
    assert summary.conservation.balanced


def test_messages_of_one_row_keep_the_order_they_came_in(planner, row):
    """A transcript, or a text in parts: file and line are the same, and so may the instant be."""
    rows = [row(f"{n}", line=2, part=n) for n in (1, 2, 3, 10)] + [row("next", line=3)]
    plan = planner(rows, split=3)
    assert planner.texts(plan) == ["1", "2", "3", "10", "next"]
    assert plan.summary.conservation.split == 3
    assert plan.summary.conservation.balanced


def test_a_text_in_parts_leaves_once_whatever_its_parts_are_in_conflict_with(planner, row, known):
    """Two of its parts meet different earlier ones: the third must not be counted for each of them."""
    parts = [row(f"{n}", id=f"7-{n}", line=2) for n in (1, 2, 3)]
    touched = [known(row("old", id="7-2"))]
    plan = planner([row("other", id="7-1")], parts, split=1, rows_split=True, touched=touched)
    assert 3 == plan.summary.rejects_by_code["conflict"]
    assert plan.summary.conservation.balanced


def test_equal_lines_of_one_transcript_stay_two(planner, row):
    """They share even the line: only their order tells them apart."""
    plan = planner([row("ok", line=2), row("ok", line=2)], unfolded=1)
    assert plan.summary.conservation.planned == 2
    assert plan.summary.conservation.balanced


def test_offsets_are_told_most_common_first_and_their_number_is_bounded(planner, row):
    """A column of garbage must not make the summary long."""
    offsets = {f"+00:{minute:02}": minute for minute in range(1, 60)}
    found = planner([row()], offsets=offsets).summary.offsets
    assert 21 == len(found)
    assert ["+00:59", "+00:58"] == list(found)[:2]
    assert sum(range(40)) == found["others"]


def test_a_full_disk_is_met_before_the_order_is_mapped(planner, row, monkeypatch):
    """Where the disk has no room for a page of a map, no exception says so: the process is killed."""
    sizes = []
    mapped = np.memmap

    def seen(path, *words, **more):
        status = path.stat()
        sizes.append((status.st_size, status.st_blocks > 0))
        return mapped(path, *words, **more)

    monkeypatch.setattr("etl.plan.order.np.memmap", seen)
    planner([row("a"), row("b", at=1), row("c", at=2)])
    assert [(3 * 4, True)] == sizes
