"""What becomes of a small import under each profile of the sandbox: what a rehearsal shows."""

from dataclasses import dataclass
from typing import Final

from etl.model.states import State
from etl.sandbox.profiles import Profile

USERS: Final = 3
MESSAGES: Final = 2
"""Of each user."""
LETTERS: Final = {"a": State.ACCEPTED, "r": State.REJECTED, "u": State.UNCERTAIN, "p": State.PENDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the import of three users with two messages each ends, sent one user after the other."""

    exit_code: int = 0
    states: str = "aaaaaa"
    """The messages' states by their letters, in sending order; what was not touched is pending."""
    stored: int = 6
    """How many messages the sandbox keeps."""

    def __str__(self) -> str:
        counts = {state: self.states.count(letter) for letter, state in LETTERS.items()}
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


_WELL = Ending()
_REFUSED = Ending(exit_code=3, states="aaraar", stored=4)

ENDINGS: Final[dict[Profile, Ending]] = {
    Profile.SILENT: _WELL,
    Profile.NULL_MESSAGE: _WELL,
    Profile.EMPTY_BODY: Ending(exit_code=6, states="upupup", stored=3),
    Profile.ECHO: _WELL,
    Profile.ANSWERS: Ending(exit_code=6, states="appppp", stored=1),
    Profile.ERROR_IN_200: _REFUSED,
    Profile.STRING_ERROR: _REFUSED,
    Profile.REVOKED: Ending(exit_code=6, states="aaappp", stored=3),
    Profile.OLD_PATH: Ending(exit_code=6, states="pppppp", stored=0),
    Profile.TOO_MANY: _WELL,
    # The second message of the user whose first is uncertain is held.
    Profile.SERVER_ERROR: Ending(exit_code=3, states="aaupaa", stored=4),
    Profile.TIMEOUT: Ending(exit_code=3, states="aaupaa", stored=5),
    Profile.DEDUPE: _WELL,
    Profile.NO_DEDUPE: _WELL,
    Profile.CLAMPS: _WELL,
    Profile.SPLITS: _WELL,
    Profile.NEVER_SPLITS: _WELL,
    Profile.REDIRECT: _WELL,
}
