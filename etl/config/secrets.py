"""Token and key: from the environment, a private file or the keyring; never from the command line."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from etl.config.target import Target
from etl.config.verify import Verify
from etl.errors import UsageError

KEY_CHARACTERS: Final = 16
"""The shortest key of pseudonyms."""


@final
class Secret:
    """A text that never shows itself: `repr`, `str` and `format` give `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


def read_token(target: Target, *, folder: Path, environ: Mapping[str, str]) -> Secret:
    """Return the Chat API token from where the job says it is.

    Raises:
        UsageError: it is not there, others can read its file, or it can't be part of a header.
    """
    if target.token_file is not None:
        where, value = str(folder / target.token_file), _from_file(folder / target.token_file)
    elif target.token_keyring is not None:
        where = f"keyring service {target.token_keyring!r}"
        value = _from_keyring(target.token_keyring, target.deployment_id)
    else:
        where, value = f"environment variable {target.token_env}", environ.get(target.token_env, "")
    hint = "copy it from Bot Settings > Channels > Certainly Widget > Chat API; or rehearse with --sandbox"
    return _checked(value, f"API token in {where}", hint=f"{hint}, which needs none")


def read_user_token(settings: Verify, *, folder: Path, environ: Mapping[str, str]) -> Secret:
    """Return the user's token for reports from where the job says it is.

    Raises:
        UsageError: it is not there, others can read its file, or it can't be part of a header.
    """
    if settings.token_file is not None:
        where, value = str(folder / settings.token_file), _from_file(folder / settings.token_file)
    else:
        where, value = f"environment variable {settings.token_env}", environ.get(settings.token_env, "")
    hint = (
        "copy `public API auth token` from your profile in Certainly; or read a report file with --from-file"
    )
    return _checked(value, f"user token in {where}", hint=hint)


def _checked(value: str, what: str, *, hint: str) -> Secret:
    token = value.strip()
    if not token:
        raise UsageError(f"no {what}", hint=hint)
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(f"the {what} holds characters that no token has")
    return Secret(token)


def read_key(name: str, environ: Mapping[str, str]) -> bytes:
    """Return the key of pseudonyms from an environment variable, without the white space around it.

    Raises:
        UsageError: it is missing or shorter than 16 characters.
    """
    key = environ.get(name, "").strip()
    if len(key) < KEY_CHARACTERS:
        fault = f"is shorter than {KEY_CHARACTERS} characters" if key else "is not set"
        raise UsageError(
            f"the key of pseudonyms, environment variable {name}, {fault}",
            hint="make one with `openssl rand -hex 32` and keep it: another key gives other pseudonyms",
        )
    return key.encode(errors="surrogateescape")


def _from_file(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageError(f"token file {path} can be read by others", hint=f"chmod 600 {path}")
            return file.read(8_192)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"token file {path} can't be read: {reason}") from error


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring  # noqa: PLC0415  an extra: most people have no keyring on a server
        import keyring.errors  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "target.token_keyring needs the keyring extra", hint="pip install 'etl[keyring]'"
        ) from error
    try:
        return keyring.get_password(service, user) or ""
    except keyring.errors.KeyringError as error:
        raise UsageError(f"the keyring can't be read: {type(error).__name__}") from error
