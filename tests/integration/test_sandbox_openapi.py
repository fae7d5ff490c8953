"""The sandbox's OpenAPI document is true: schemathesis finds no answer that it does not describe."""

import subprocess
import sys
from pathlib import Path

import pytest

from etl.sandbox.serve import RunningSandbox, embedded
from support import schemathesis_hooks
from support.command import environment

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"
HOOKS = Path(schemathesis_hooks.__file__)

# No schema can say that toDate is not before fromDate, or which users exist: there 400 is right, too.
CONFIG = """
hooks = "{hooks}"
[auth.openapi.HTTPBearer]
bearer = "{token}"
[auth.openapi.JWT]
api_key = "JWT {user_token}"
[auth.openapi.HTTPBasic]
username = "user"
password = "bearer {user_token}"
[[operations]]
include-path-regex = "^/(api/frontend/reports|actionsvc)/"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "409"]
"""


def violations(running: RunningSandbox, folder: Path, *arguments: str) -> str:
    """Return what schemathesis prints of its violations, nothing if there are none."""
    config = folder / "schemathesis.toml"
    names = {"token": running.token, "user_token": running.user_token, "hooks": HOOKS}
    config.write_text(CONFIG.format(**names), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"]
    fixed = ["--phases=coverage,fuzzing", "--max-examples=20", "--generation-deterministic", "--no-color"]
    url = f"{running.base_url}/openapi.json"
    done = subprocess.run(
        [*command, url, *fixed, *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(HOOKS.parents[1]), PYTHONWARNINGS="default"),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert "Test cases:" in done.stdout, done.stdout + done.stderr
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize(
    "part",
    [
        # What renews the token or switches the behaviour would spoil the rest.
        "--exclude-path-regex=^/sandbox/",
        "--include-path-regex=^/sandbox/",
    ],
)
def test_schemathesis_finds_no_violation(tmp_path, part):
    """What is published is what is answered: statuses, bodies, types, methods, credentials, refusals."""
    with embedded(tmp_path / "sandbox.sqlite", deployment_id=DEPLOYMENT) as running:
        assert "" == violations(running, tmp_path, part)
