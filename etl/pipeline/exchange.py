"""Where the workers of one plan hand files to each other: a folder that all of them see."""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.pipeline.probing import Probe
from etl.plan.scatter import Slices


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The files of one plan in the making. What is there is whole, and is not made again."""

    folder: Path

    def exists(self, name: str) -> bool:
        """Return whether a file is there."""
        return (self.folder / name).exists()

    def fetch(self, name: str, workshop: Path) -> Path:  # noqa: ARG002  elsewhere files are brought there
        """Return a local path of a file, which need not last longer than the workshop."""
        return self.folder / name

    def slices(self, names: Sequence[str], workshop: Path, *, shard: int, shards: int) -> Slices:
        """Return one shard's rows in files of `scatter`, which need not last longer than the workshop."""
        paths = tuple(self.fetch(name, workshop) for name in names)
        return Slices(paths=paths, shard=shard, shards=shards)

    def plan(self, plan: PlanFolder, workshop: Path) -> PlanFolder:  # noqa: ARG002  as `fetch`
        """Return a finished plan where it can be read."""
        return plan

    def probe(self) -> Probe:
        """Return what asks a worker whether it sees the folder."""
        text, seen = secrets.token_hex(8), self.folder / "seen"
        seen.touch(mode=0o600)
        seen.write_text(text, encoding="ascii")
        return Probe(folder=self.folder, token_file=seen.name, token_text=text)

    def hand_out(self, workshop: Path, names: dict[str, str]) -> None:
        """Put files of a workshop, by their names there, into place under other names, in that order.

        Raises:
            OSError: the disk is full or not writable.
        """
        for own, name in names.items():
            # A power cut must not leave a file that is said to be there and is not.
            _sync(workshop / own)
            (workshop / own).replace(self.folder / name)
        _sync(self.folder)

    def say(self, workshop: Path, name: str, words: dict[str, Any]) -> None:
        """Hand out a few words; the files that they speak of must be there already."""
        (workshop / name).touch(mode=0o600)
        (workshop / name).write_text(json.dumps(words), encoding="utf-8")
        self.hand_out(workshop, {name: name})

    def said(self, name: str) -> dict[str, Any]:
        """Return what was said under a name."""
        words: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return words

    def numbers(self, kind: str) -> set[int]:
        """Return the numbers of the words of a kind that were said."""
        return {int(path.stem.removeprefix(f"{kind}-")) for path in self.folder.glob(f"{kind}-*.json")}

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a private folder of the worker's own, gone afterwards; on that disk, so nothing is copied.

        Raises:
            InputError: the disk is full, or a file there is damaged.
        """
        try:
            with TemporaryDirectory(prefix="work-", dir=self.folder, ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        except (OSError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise InputError(
                f"{self.folder}: workers can't hand files to each other there: {reason}",
                hint="free disk space beside the plans; if that is not it, delete that folder: the same "
                "command begins anew",
            ) from error


def numbered(kind: str, number: int, suffix: str) -> str:
    """Return the name of one of many files of a kind."""
    return f"{kind}-{number:05}.{suffix}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
