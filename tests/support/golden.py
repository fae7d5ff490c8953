"""What the samples' validation reports say, as files. Run it to write them; a test compares them."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.command import environment, etl

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "golden"
JOBS = ("zendesk", "intercom", "dirty")
KEPT_OF_PLAN = ("conservation", "lanes", "rejects_by_code", "skipped_by_reason", "roles", "found", "offsets")


def made(job: str) -> dict[str, Any]:
    """Return a sample's report, without what differs by time, version, machine or extra."""
    with TemporaryDirectory() as place:
        project = Path(place)
        for name in ("configs", "sample_data"):
            shutil.copytree(ROOT / name, project / name)
        done = etl("check", f"configs/{job}.toml", "--sandbox", "--json", cwd=project, env=environment())
        text = (project / done.data["report_json"]).read_text(encoding="utf-8")
    data = json.loads(text.replace(json.loads(text)["plan"]["hash"][:12], "<hash>"))
    data["plan"] = {name: data["plan"][name] for name in KEPT_OF_PLAN}
    for name in ("made_at", "etl_version", "languages"):
        del data[name]
    return dict(data)


def path(job: str) -> Path:
    """Return where a sample's report is kept."""
    return FOLDER / f"validation-{job}.json"


if __name__ == "__main__":
    for sample in JOBS:
        path(sample).write_text(
            json.dumps(made(sample), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
