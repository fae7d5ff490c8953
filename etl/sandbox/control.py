"""Speaks to a running sandbox: what its settings page would do."""

import json
from http.client import HTTPConnection, HTTPException
from typing import Final

from etl.sandbox.admin import CONDUCT_PATH, TOKEN_PATH
from etl.sandbox.conduct import Conduct, ConductWish
from etl.sandbox.errors import SandboxError

_HOST: Final = "127.0.0.1"
_TIMEOUT_SECONDS: Final = 30.0
_OK: Final = 200


class Control:
    """A running sandbox on this machine.

    Args:
        port: of 127.0.0.1.
        user_token: a user's token, not the bot's.
    """

    def __init__(self, *, port: int, user_token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"JWT {user_token}", "Content-Type": "application/json"}

    def switch(self, conduct: Conduct) -> Conduct:
        """Let it behave otherwise from the next message on; return how.

        Raises:
            SandboxError: nobody answers there, or the answer is a refusal.
        """
        body = ConductWish.of(conduct).model_dump_json()
        return ConductWish.model_validate(self._asked("PUT", CONDUCT_PATH, body)).conduct()

    def renew_token(self) -> str:
        """Generate the chat API token anew and return it.

        Raises:
            SandboxError: nobody answers there, or the answer is a refusal.
        """
        return str(self._asked("POST", TOKEN_PATH, "")["token"])

    def _asked(self, method: str, path: str, body: str) -> dict[str, object]:
        connection = HTTPConnection(_HOST, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            found: dict[str, object] = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise SandboxError(f"no sandbox answers on port {self._port} of {_HOST}") from error
        finally:
            connection.close()
        if answer.status != _OK:
            raise SandboxError(f"the sandbox on port {self._port} of {_HOST} refuses: {found.get('error')}")
        return found
