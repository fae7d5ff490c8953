"""Who is told of a run: a command, a web hook, a monitor."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from etl.config.target import is_loopback
from etl.config.values import Table


class Notify(Table):
    """Whom an import tells how it ended. A failure to tell is a warning and changes no exit code."""

    on: Literal["always", "problem"] = "problem"
    """After every import (`always`), or only after one with another exit code than 0 (`problem`)."""
    command: tuple[str, ...] = ()
    """A program and its arguments, started without a shell; a JSON summary comes on its stdin."""
    webhook: str | None = None
    """An address that the same summary is posted to: https, or http on loopback."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """For each of them."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.command and not self.command[0]:
            raise ValueError("command must begin with the name of a program")
        if self.webhook is not None:
            _check_webhook(self.webhook)
        return self


class Metrics(Table):
    """Numbers of an import for the textfile collector of Prometheus' node exporter."""

    textfile: Path | None = None
    """The file to write, ending in .prom; whole at any moment, readable by all, without texts and ids."""
    every_seconds: Annotated[float, Field(ge=1, le=3_600)] = 15.0
    """How often it is written while an import runs; once more at the end."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.textfile is not None and self.textfile.suffix != ".prom":
            raise ValueError("textfile must end in .prom: the collector reads no others")
        return self


def _check_webhook(url: str) -> None:
    parts = urlsplit(url)
    _ = parts.port  # raises when it is none
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("webhook must be an https address")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("webhook must be https; plain http is for loopback only")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("webhook must hold no user, password or fragment")
