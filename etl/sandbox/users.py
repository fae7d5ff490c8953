"""What the platform knows of users beside their messages: variables, and who has the word."""

import json
from collections.abc import Mapping
from typing import Final

from etl.sandbox.store import Store

_OF_DEPLOYMENT: Final = "SELECT 1 FROM conversation WHERE deployment_id = ? AND user_id = ? LIMIT 1"
_OF_ANY: Final = """
    SELECT 1 FROM deployment JOIN conversation ON conversation.deployment_id = deployment.id AND user_id = ?
    LIMIT 1
"""
_SET: Final = """
    INSERT INTO variable SELECT ?, key, value FROM json_each(?) WHERE true
    ON CONFLICT DO UPDATE SET value = excluded.value
"""


class Users:
    """The users of an open store. Every method raises `SandboxError` when the database fails."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def known(self, user_id: str, *, deployment_id: str | None = None) -> bool:
        """Return whether there is a conversation with the user, in any deployment or in one."""
        if deployment_id is None:
            return bool(self._store.rows(_OF_ANY, user_id))
        return bool(self._store.rows(_OF_DEPLOYMENT, deployment_id, user_id))

    def set_variables(self, user_id: str, variables: Mapping[str, str]) -> None:
        """Set variables; others keep their values."""
        self._store.rows(_SET, user_id, json.dumps(variables, ensure_ascii=False))

    def variables(self, user_id: str) -> dict[str, str]:
        """Return the variables that Trigger Response set, by name."""
        return dict(self._store.rows("SELECT name, value FROM variable WHERE user_id = ?", user_id))

    def hand_over(self, deployment_id: str, user_id: str) -> None:
        """Let an agent have the word: the bot only listens."""
        self._store.rows("INSERT OR IGNORE INTO handover VALUES (?, ?)", deployment_id, user_id)

    def take_over(self, deployment_id: str, user_id: str) -> None:
        """Give the bot the word back."""
        self._store.rows(
            "DELETE FROM handover WHERE deployment_id = ? AND user_id = ?", deployment_id, user_id
        )

    def handed_over(self, deployment_id: str, user_id: str) -> bool:
        """Return whether an agent has the word."""
        found = self._store.rows(
            "SELECT 1 FROM handover WHERE deployment_id = ? AND user_id = ?", deployment_id, user_id
        )
        return bool(found)
