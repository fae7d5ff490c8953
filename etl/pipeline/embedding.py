"""A sandbox that runs meanwhile, in the place of a job's target."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.config.secrets import Secret
from etl.config.target import Target
from etl.errors import InputError
from etl.sandbox.conduct import Conduct
from etl.sandbox.errors import SandboxError
from etl.sandbox.profiles import Profile


@contextmanager
def embedded_target(
    target: Target, *, store: Path | None, profiles: tuple[Profile, ...] = ()
) -> Iterator[tuple[Target, Secret]]:
    """Give address and token of a sandbox that has the target's deployment; None keeps nothing.

    It behaves well but for the profiles.

    Raises:
        InputError: it can't run.
    """
    from etl.sandbox.serve import embedded  # noqa: PLC0415  a web framework that a real import can do without

    try:
        with embedded(
            store, deployment_id=target.deployment_id, conduct=Conduct(profiles=profiles)
        ) as running:
            place = {"base_url": running.base_url, "path": Target.model_fields["path"].default}
            yield target.model_copy(update=place), Secret(running.token)
    except SandboxError as error:
        raise InputError(f"the embedded sandbox can't run: {error}") from error
