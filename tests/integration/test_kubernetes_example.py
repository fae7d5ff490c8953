"""The example in configs/ that runs an import on Kubernetes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]
from distributed.cli import dask_scheduler, dask_worker

from etl.cli.main import cli

EXAMPLE = Path(__file__).parents[2] / "configs" / "kubernetes.yaml"


def objects() -> list[dict[str, Any]]:
    """Return what the file describes."""
    return list(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")))


def pods() -> Iterator[dict[str, Any]]:
    """Yield the templates of pods."""
    for one in objects():
        if "template" in one["spec"]:
            yield one["spec"]["template"]


def options(command: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a container starts, and its arguments."""
    program, name, *rest = command
    if program == "dask":
        return {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[name], rest
    assert "etl" == program
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found, rest


@pytest.mark.parametrize("template", list(pods()), ids=lambda one: one["metadata"]["labels"]["part"])
def test_each_container_starts_a_command_that_takes_its_options(template):
    """An option that a new version has dropped would be noticed at night, by a pod that ends and ends."""
    (container,) = template["spec"]["containers"]
    command, arguments = options(container["command"])
    known = {word for one in command.params for word in (*one.opts, *one.secondary_opts)}
    assert {word for word in arguments if word.startswith("--")} <= known
    assert "requests" in container["resources"]


def test_parts_find_each_other():
    """Address, port and labels are written in several places."""
    service, policy = objects()[:2]
    port = service["spec"]["ports"][0]["port"]
    address = f"tcp://{service['metadata']['name']}:{port}"
    labels = [template["metadata"]["labels"] for template in pods()]
    commands = [template["spec"]["containers"][0]["command"] for template in pods()]
    assert 1 == sum(service["spec"]["selector"].items() <= one.items() for one in labels)
    assert 2 == sum(address in command for command in commands)
    assert str(port) in commands[0]
    assert all(policy["spec"]["podSelector"]["matchLabels"].items() <= one.items() for one in labels)
    secrets = [template["spec"]["containers"][0].get("envFrom") for template in pods()]
    assert [None, [{"secretRef": {"name": "etl"}}], [{"secretRef": {"name": "etl"}}]] == secrets
