"""What a plan is made from: the files of the input, the instant, the key of pseudonyms."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from etl.clock import SYSTEM
from etl.config.job import Job
from etl.config.secrets import read_key
from etl.source.discover import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Every file of a job, found and hashed once: what names a plan is what is then read."""

    first: tuple[SourceFile, ...]
    second: Mapping[tuple[str, ...], tuple[SourceFile, ...]]
    """Those of joins and openings, by their patterns."""

    @property
    def digests(self) -> list[str]:
        """Return the digests of all, in order."""
        second = (file for files in self.second.values() for file in files)
        return [file.digest for file in (*self.first, *second)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What is the same for every part of one input, wherever it is read."""

    now_us: int
    """The instant of planning."""
    key: bytes | None = field(repr=False)
    """That of pseudonyms, if the job wants any."""


def basis_of(job: Job) -> Basis:
    """Return the basis of an input that is read now.

    Raises:
        UsageError: the job wants pseudonyms and there is no key.
    """
    return Basis(now_us=SYSTEM.wall_us(), key=pseudonym_key(job))


def pseudonym_key(job: Job) -> bytes | None:
    """Return the key of pseudonyms, if the job wants any.

    Raises:
        UsageError: it wants some and there is no usable key.
    """
    wanted = job.users.pseudonymize or job.privacy.replacement == "pseudonym"
    return read_key(job.users.key_env, os.environ) if wanted else None
