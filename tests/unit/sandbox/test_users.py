"""What the platform knows of users beside their messages."""

from contextlib import closing

from etl.sandbox.records import NewMessage
from etl.sandbox.store import Store
from etl.sandbox.users import Users

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"


def new(name: str = "m-1") -> NewMessage:
    """Return a message of u-1."""
    return NewMessage(
        deployment_id=DEPLOYMENT,
        id=name,
        user_id="u-1",
        timestamp=1_654_251_574,
        received_us=1,
        text="hej 😀\x00",
        user_cvars="{}",
        user_profile="{}",
        body=b"{}",
    )


def test_users_have_variables_and_one_who_has_the_word():
    """Setting one leaves the others; names and values are anybody's."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        users = Users(store)
        store.record([new()])
        users.set_variables("u-1", {"a": "1", "b": "' 😀"})
        users.set_variables("u-1", {"a": "2"})
        assert ({"a": "2", "b": "' 😀"}, {}) == (users.variables("u-1"), users.variables("u-2"))

        assert (True, False) == (users.known("u-1"), users.known("u-2"))
        assert not users.known("u-1", deployment_id="elsewhere")
        for _ in range(2):
            users.hand_over(DEPLOYMENT, "u-1")
        assert (True, False) == tuple(users.handed_over(DEPLOYMENT, user) for user in ("u-1", "u-2"))
        users.take_over(DEPLOYMENT, "u-1")
        assert not users.handed_over(DEPLOYMENT, "u-1")
