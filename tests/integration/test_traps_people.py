"""Traps of who: customers and authors, notes and bots, the same message twice, ids that are nobody's."""

import pytest

from etl.errors import InputError, UsageError
from etl.pipeline.check import run_check
from etl.pipeline.refusing import refuse_unknown_roles
from etl.pipeline.wish import Wish
from support.checked import check, job_file, rows, write

FLAGS = {"columns": {"visibility": "public"}, "visibility": {"public": ["TRUE"], "private": ["FALSE"]}}


def test_trap_04_notes_are_skipped_and_an_unknown_flag_is_a_reject(tmp_path):
    """An internal note in a customer's chat can't be taken back; unmapped flags are named aloud."""
    write(tmp_path, rows(*({"public": flag} for flag in ("TRUE", "FALSE", "", "yes"))))

    result = check(tmp_path, **FLAGS)
    unmapped = check(tmp_path)

    assert ["text 0"] == result.texts
    assert {"private": 1} == result.summary.skipped_by_reason
    assert {"unknown_visibility": 2} == result.codes
    assert "warning" not in result.printed
    assert "the job does not use 'public'" in unmapped.printed


def test_trap_05_chats_stored_as_notes_are_imported_only_when_the_job_says_so(tmp_path):
    """One helpdesk's setting files the whole chat as a note: a person may say that it is none."""
    table = rows({"public": "FALSE", "via": "chat"}, {"public": "FALSE", "via": "web"})
    write(tmp_path, table)

    assert [] == check(tmp_path, **FLAGS).texts
    override = {
        "columns": {"visibility": "via"},
        "visibility": {"public": ["chat"], "private": ["web"]},
    }
    assert ["text 0"] == check(tmp_path, **override).texts


def test_trap_06_a_role_that_nobody_named_is_never_taken_for_one(tmp_path):
    """Compared exactly: whoever is neither customer nor agent by the job is sent as nobody."""
    spelled = ["customer", "Customer", "agent", " agent", "", "system", "bot", "macro", "macro"]
    write(tmp_path, rows(*({"role": role} for role in spelled)))
    roles = {"bot": ["bot"], "skip": ["system"]}

    result = check(tmp_path, roles=roles)

    assert {"customer": 1, "agent": 1, "bot": 1} == result.summary.roles
    assert {"role": 1} == result.summary.skipped_by_reason
    assert {"unknown_role": 4, "missing_role": 1} == result.codes
    job = job_file(tmp_path, roles=roles)
    plan = run_check(job, Wish(), sandbox=False, observe=lambda _: None).plan
    with pytest.raises(InputError, match=r"macro \(2 rows\).*nothing is sent"):
        refuse_unknown_roles(plan, job)


def test_trap_07_drafts_failed_and_deleted_rows_leave_by_rules_and_are_named_without(tmp_path):
    """The default imports what is there, and says which columns might know better."""
    table = rows(
        {"draft": "false", "failed_datetime": ""},
        {"draft": "true", "failed_datetime": ""},
        {"draft": "false", "failed_datetime": "2024-03-01T10:00:00Z"},
    )
    write(tmp_path, table)

    result = check(tmp_path, rows={"drop": {"draft": ["true"]}, "empty": ["failed_datetime"]})
    everything = check(tmp_path)

    assert ["text 0"] == result.texts
    assert {"filtered": 2} == result.summary.skipped_by_reason
    assert 3 == len(everything.texts)
    assert "the job does not use 'draft', 'failed_datetime'" in everything.printed


def test_trap_08_openings_come_from_the_tickets_and_their_absence_is_noticed(tmp_path):
    """A replay that begins with the agent's answer has lost the question."""
    answers = rows(*({"ticket": f"t{n}", "user": f"u{n}"} for n in range(30)), role="agent")
    write(tmp_path, answers)
    tickets = [
        {"number": f"t{n}", "by": f"u{n}", "opened": "2024-02-01T10:00:00Z", "description": f"question {n}"}
        for n in range(30)
    ]
    write(tmp_path, tickets, "tickets.csv")
    opening = {
        "files": ["tickets.csv"],
        "columns": {"ticket": "number", "user": "by", "at": "opened", "text": "description"},
        "constants": {"role": "customer"},
    }

    without = check(tmp_path, "history.csv")
    result = check(tmp_path, "history.csv", opening=[opening])

    assert "100 % of the dialogues begin with an agent" in without.printed
    assert "begin with an agent: the" not in result.printed
    assert (60, 60) == (result.summary.conservation.rows, len(result.messages))
    assert ["question 0", "text 0"] == [row["text"] for row in result.messages if row["lane"] == "u0"]


def test_trap_09_rows_of_authors_find_their_customer_or_are_refused(tmp_path):
    """An agent's answer belongs to the customer's lane; which is nowhere in its row."""
    table = rows({"user": "jo"}, {"user": "eva", "role": "agent"}, {"user": "eva", "role": "agent"})
    table[2]["ticket"] = "t2"
    write(tmp_path, table)
    write(tmp_path, [{"number": "t1", "by": "jo"}, {"number": "t2", "by": "ann"}], "tickets.csv")

    mixed = check(tmp_path, "history.csv")
    own = check(tmp_path, "history.csv", columns={"user": {"customer_of": "ticket"}, "author": "user"})
    join = {"files": ["tickets.csv"], "on": "ticket", "key": "number", "columns": {"customer": "by"}}
    joined = check(tmp_path, "history.csv", join=[join], columns={"user": "customer"})

    assert "1 tickets have two or more users" in mixed.printed
    assert (["jo", "jo"], {"missing_user": 1}) == (own.of("lane"), own.codes)
    assert "no customer wrote" in own.notes[0]
    assert ["jo", "jo", "ann"] == joined.of("lane")
    with pytest.raises(UsageError, match="the end user, not the author"):
        check(tmp_path, columns={"user": None})
    with pytest.raises(InputError, match="no column 'customer'; found"):
        check(tmp_path, columns={"user": "customer"})


def test_trap_10_a_merged_ticket_sends_a_message_once_and_shows_both_users(tmp_path):
    """The losing ticket's comments stand under the winner, too."""
    table = rows({"id": "m1", "ticket": "t1"}, {"id": "m2", "ticket": "t2", "user": "u2"})
    moved = {**table[0], "ticket": "t2"}
    write(tmp_path, [*table, moved])

    result = check(tmp_path)

    assert ["text 0", "text 1"] == result.texts
    assert 1 == result.summary.conservation.duplicates
    shared = {**table[0], "id": "m3", "ticket": "t2", "text": "more"}
    write(tmp_path, [*table, shared])
    assert "1 tickets have two or more users, such as 't2'" in check(tmp_path).printed


def test_trap_11_of_a_history_table_only_the_current_rows_count(tmp_path):
    """One part stands there once for every change."""
    table = rows(
        {"text": "before", "_fivetran_active": "false"},
        {"text": "after", "_fivetran_active": "true", "id": "m0"},
        {"text": "gone", "_fivetran_active": "true"},
    )
    deleted = ["false", "false", "true"]
    write(tmp_path, [{**row, "_fivetran_deleted": gone} for row, gone in zip(table, deleted, strict=True)])

    unfiltered = check(tmp_path)
    result = check(
        tmp_path, rows={"keep": {"_fivetran_active": ["true"]}, "drop": {"_fivetran_deleted": ["true"]}}
    )

    assert "'_fivetran_active', '_fivetran_deleted'" in unfiltered.printed
    assert {"conflict": 1} == unfiltered.codes
    assert ["after"] == result.texts
    assert {"filtered": 2} == result.summary.skipped_by_reason


def test_trap_12_overlaps_add_nothing_with_ids_and_without(tmp_path):
    """People export again from where they think they stopped."""
    table = rows({}, {}, {}, {})
    write(tmp_path, table[:3], "a.csv")
    write(tmp_path, [table[1], {**table[2], "text": "edited"}, table[3]], "b.csv")
    anonymous = {"columns": {"id": None}}

    known = check(tmp_path)
    unknown = check(tmp_path, **anonymous)

    assert ["text 0", "text 1", "text 2", "text 3"] == known.texts
    assert (1, {"conflict": 1}) == (known.summary.conservation.duplicates, known.codes)
    assert "the first is at ./a.csv:4" in known.printed
    assert ["text 0", "text 1", "text 2", "edited", "text 3"] == unknown.texts
    assert check(tmp_path, "b.csv", "a.csv", "b.csv").summary.conservation.rows == 6


def test_trap_13_equal_texts_at_one_instant_stay_two_messages(tmp_path):
    """People do write "ok" twice; and an overlapping file does hold both again."""
    table = rows({}, {}, {"id": "other"}, text="ok", at="2024-03-01T10:00:00Z")
    write(tmp_path, table[:2], "a.csv")
    write(tmp_path, table, "b.csv")

    result = check(tmp_path, columns={"id": None})

    assert ["ok", "ok", "ok"] == result.texts
    assert 3 == len(set(result.of("key")))
    assert 2 == result.summary.conservation.duplicates


def test_trap_16_an_id_for_many_people_is_noticed_and_can_be_parted(tmp_path):
    """Strangers in one lane would read each other's conversations as one."""
    placeholders = [{"user": user} for user in ("anonymous", "Anonymous", "-1", "0", "null", "guest")]
    hot = [{"user": "shared", "ticket": f"t{n}"} for n in range(30)]
    write(tmp_path, rows(*placeholders, {"user": ""}, *hot))

    result = check(tmp_path)

    assert (36, {"missing_user": 1}) == (len(result.messages), result.codes)
    assert {"placeholder_user": 6} == result.summary.found
    assert "user 'Anonymous' has 1 messages" in result.printed
    refused = check(tmp_path, users={"placeholder": "reject"})
    assert (30, 6) == (len(refused.messages), refused.codes["placeholder_user"])
    parted = check(tmp_path, users={"placeholder": "conversation"})
    assert {"conversation:t1", "shared"} == set(parted.of("lane"))
    write(tmp_path, rows(*hot))
    assert (
        "user 'shared' has 30 messages (100 %) in 30 dialogues: is it one person?" in check(tmp_path).printed
    )


def test_trap_17_one_id_may_be_a_customer_here_and_an_agent_there(tmp_path):
    """Ids are unique within a role at best; the lane is the mapped user, whoever wrote."""
    table = rows(
        {"user": "7", "author": "7"},
        {"user": "7", "author": "9", "role": "agent"},
        {"user": "9", "author": "9", "ticket": "t2"},
        {"user": "9", "author": "7", "role": "agent", "ticket": "t2"},
    )
    write(tmp_path, table)

    direct = check(tmp_path)
    derived = check(tmp_path, columns={"user": {"customer_of": "ticket"}, "author": "author"})

    assert [("7", "customer"), ("7", "agent"), ("9", "customer"), ("9", "agent")] == [
        (row["lane"], row["role"]) for row in direct.messages
    ]
    assert direct.of("key") == derived.of("key")


def test_trap_46_ids_are_compared_as_they_are_and_bounded_in_characters(tmp_path):
    """Look-alikes, white space and case are other people until somebody says so."""
    ids = ["ann", "Ann", " ann", "аnn", "ann\u200b", "é", "e\u0301", "u" * 255, "u" * 256, "🙂" * 255]  # noqa: RUF001  look-alikes are the point
    write(tmp_path, rows(*({"user": user} for user in ids)))

    result = check(tmp_path)

    assert sorted(set(ids) - {"u" * 256}) == sorted(result.of("lane"))
    assert {"user_too_long": 1} == result.codes
