"""What the endpoints share: one store, its writer, and how to behave."""

from dataclasses import dataclass
from pathlib import Path

from etl.sandbox.conduct import Director
from etl.sandbox.envelope import unknown
from etl.sandbox.store import Store
from etl.sandbox.users import Users
from etl.sandbox.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The platform's parts."""

    store: Store
    users: Users
    writer: Writer
    director: Director
    folder: Path | None
    """Where reports are written instead of mailed; None: nowhere."""

    def require_deployment(self, deployment_id: str) -> None:
        """Refuse a deployment that does not exist."""
        if deployment_id not in self.store.deployments:
            raise unknown("deployment id")
