"""The run report as a file."""

import json
import stat

import pytest

from etl.errors import UsageError
from etl.report.outcome import write_report


def names(folder):
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


def test_a_report_is_private_json(tmp_path):
    """It holds addresses and ids."""
    path = tmp_path / "import.json"
    write_report(path, {"accepted": 3, "name": "ünï"})
    assert {"accepted": 3, "name": "ünï"} == json.loads(path.read_text())
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["import.json"] == names(tmp_path)


def test_a_report_replaces_an_older_one_and_a_half_one(tmp_path):
    """What a killed run left must not stand in the way."""
    path = tmp_path / "import.json"
    path.write_text("old")
    (tmp_path / ".import.json.part").write_text("half")
    write_report(path, {})
    assert "{}\n" == path.read_text()
    assert ["import.json"] == names(tmp_path)


def test_a_report_that_cannot_be_written_says_that_the_ledger_has_it_all(tmp_path):
    """The run is done: nobody should repeat it for a file."""
    with pytest.raises(UsageError, match="can't be written: No such file") as caught:
        write_report(tmp_path / "none" / "import.json", {})
    assert "the ledger holds everything" in caught.value.hint
