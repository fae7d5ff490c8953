"""The command line as a real process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

_KEPT = ("PATH", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Return what --json printed."""
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    """Return an environment without anything that could reach a real account."""
    names = [name for name in os.environ if name in _KEPT or name.startswith("COVERAGE_")]
    kept = {name: os.environ[name] for name in names}
    fonts = Path(gettempdir()) / "etl-tests-matplotlib"  # its list of fonts, which it would keep in HOME
    return {
        **kept, "HOME": "/nonexistent", "MPLCONFIGDIR": str(fonts), "PYTHONWARNINGS": "error", **extra
    }  # fmt: skip


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start `etl …` and return the running process."""
    return subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        cwd=cwd,
        env=dict(env) if env is not None else environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], *, timeout_seconds: float = 120) -> Finished:
    """Wait for a process to end."""
    out, err = process.communicate(timeout=timeout_seconds)
    return Finished(code=process.returncode, out=out, err=err)


def etl(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Finished:
    """Run `etl …` to its end."""
    return finish(start(arguments, cwd=cwd, env=env))
