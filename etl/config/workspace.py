"""Where a target's ledger, plans and reports live: one private folder for each target."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from etl.config.state import State, make_scratch
from etl.config.target import Target, is_loopback
from etl.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The folder of one target."""

    folder: Path
    """On this machine; scratch, where the state is in an object store."""
    uri: str | None = field(default=None, repr=False)
    """The place there. May hold credentials."""
    target: str
    """What the ledger is bound to: the address messages are posted to, or the sandbox."""
    lasting: bool
    """Whether that name means the same platform tomorrow; a port of this machine does not."""

    ledger_url: str | None = None
    """The database of the ledger; None: it is a file in the folder."""

    @property
    def ledger(self) -> Path:
        """Return the results ledger, where it is a file."""
        return self.folder / "ledger.sqlite"

    @property
    def plans(self) -> Path:
        """Return the folder of plans."""
        return self.folder / "plans"

    @property
    def reports(self) -> Path:
        """Return the folder of reports."""
        return self.folder / "reports"

    @property
    def sandbox_store(self) -> Path:
        """Return what the embedded sandbox keeps."""
        return self.folder / "sandbox.sqlite"

    def shown(self, path: Path) -> str:
        """Return how people know a path in the folder."""
        return State(folder=self.folder, uri=self.uri).shown(path)

    def create(self) -> None:
        """Make the folders, private.

        Raises:
            UsageError: they can't be made.
        """
        try:
            if self.uri is not None:
                make_scratch(self.folder)
            for folder in (self.folder, self.plans, self.reports):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"state folder {self.folder} can't be made: {error.strerror}",
                hint="set `state` in the job file to a folder that you can write",
            ) from error


def workspace(state: State, target: Target, *, sandbox: bool, ledger: str | None = None) -> Workspace:
    """Return the workspace of a target, or of the embedded sandbox that stands in for it.

    The sandbox has a ledger of its own, beside the target's.
    """
    if sandbox:
        inner = state.below(f"sandbox-{target.deployment_id}")
        return Workspace(
            folder=inner.folder,
            uri=inner.uri,
            target=f"sandbox:{target.deployment_id}",
            lasting=False,
            ledger_url=ledger,
        )
    host = re.sub(r"[^A-Za-z0-9.-]", "_", urlsplit(target.base_url).netloc)
    inner = state.below(f"{host}-{target.deployment_id}")
    return Workspace(
        folder=inner.folder,
        uri=inner.uri,
        target=target.url,
        lasting=not is_loopback(target.base_url),
        ledger_url=ledger,
    )
