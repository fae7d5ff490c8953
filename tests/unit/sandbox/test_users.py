"""What the platform knows of users beside their messages."""

from contextlib import closing

from etl.sandbox.store import Store
from etl.sandbox.users import Users
from support.sandbox import DEPLOYMENT, new


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
