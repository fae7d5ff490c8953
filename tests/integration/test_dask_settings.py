"""configs/dask.yaml: what a cluster that works for etl is told."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import distributed
import yaml  # type: ignore[import-untyped]

SETTINGS = Path(__file__).parents[2] / "configs" / "dask.yaml"
OPEN_ENDED = ("nanny.pre-spawn-environ",)
"""What takes any name."""


def names(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the full names of settings."""
    for name, value in settings.items():
        whole = f"{above}{name}"
        if isinstance(value, dict) and whole not in OPEN_ENDED:
            yield from names(value, f"{whole}.")
        else:
            yield whole


def test_every_setting_is_one_of_dask():
    """Dask says nothing of a name that it does not know, or not any more."""
    ours = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["distributed"]
    theirs = Path(distributed.__file__).with_name("distributed.yaml").read_text(encoding="utf-8")
    assert set(names(ours)) <= set(names(yaml.safe_load(theirs)["distributed"]))


def test_file_is_read_as_the_readme_says():
    """By the variable that names it, before a process of the cluster starts."""
    code = (
        "import dask, distributed, json; "
        "print(json.dumps([dask.config.get('distributed.worker.profile.enabled'), "
        "dask.config.get('distributed.nanny.pre-spawn-environ')]))"
    )
    env = {"PATH": os.environ["PATH"], "DASK_CONFIG": str(SETTINGS)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    profile, environment = json.loads(done.stdout)
    assert profile is False
    assert 1 << 28 == environment["MALLOC_TRIM_THRESHOLD_"]
    assert "DASK_CONFIG=configs/dask.yaml" in (SETTINGS.parents[1] / "README.md").read_text(encoding="utf-8")
