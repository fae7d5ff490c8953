"""Whether the platform makes the conversations that the plan predicts."""

from etl.replay.conversations import Conversations, Track

MINUTE_US = 60_000_000


def observe(conversations: Conversations, *messages: tuple[int, str | None]) -> list[bool]:
    """Let one lane's messages, (minute, conversation), be accepted."""
    track = Track()
    return [
        conversations.observe(track, at_us=minute * MINUTE_US, conversation_id=identity)
        for minute, identity in messages
    ]


def test_conversations_as_predicted_are_no_news():
    """A silence of exactly the expiration is not longer than it."""
    seen = Conversations(expiration_minutes=600)

    assert [False] * 4 == observe(seen, (0, "a"), (600, "a"), (1201, "b"), (1202, "b"))
    assert (3, 0, 0) == (seen.compared, seen.merged, seen.split)
    assert seen.report() is None


def test_contradictions_are_counted_by_kind_and_told_once():
    """One line with numbers, not one for each message."""
    seen = Conversations(expiration_minutes=600)

    assert [False, True, False, False] == observe(seen, (0, "a"), (601, "a"), (602, "b"), (603, "c"))
    assert (3, 1, 2) == (seen.compared, seen.merged, seen.split)
    report = seen.report()
    assert report is not None
    assert "of 3 compared, 1 went on after a longer silence and 2 began anew within it" in report


def test_lanes_are_compared_with_themselves():
    """Another user is another conversation, of course."""
    seen = Conversations(expiration_minutes=600)
    observe(seen, (0, "a"))
    observe(seen, (1, "b"))

    assert 0 == seen.compared


def test_answers_without_a_conversation_say_nothing():
    """The field is not promised."""
    seen = Conversations(expiration_minutes=600)
    observe(seen, (0, "a"), (1, None), (2, "b"), (3, None))

    assert (0, None) == (seen.compared, seen.report())


def test_times_are_compared_as_they_were_sent():
    """In whole seconds: what is cut off can't expire a conversation."""
    seen = Conversations(expiration_minutes=1)
    track = Track()
    seen.observe(track, at_us=900_000, conversation_id="a")
    seen.observe(track, at_us=60_999_999, conversation_id="a")

    assert (1, 0) == (seen.compared, seen.merged)
