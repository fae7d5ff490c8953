"""`etl doctor`: what it sees, what it says, how it ends."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from support.certificates import make_identity
from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.recorder import DEPLOYMENT, TOKEN, Reply, platform

ENV = environment(ETL_TOKEN=TOKEN)
FAR = datetime(2124, 1, 1, tzinfo=UTC)


@pytest.fixture
def ready(tmp_path, server):
    """Return a folder in which an import could begin."""
    write_csv(tmp_path / "history.csv", rows(users=2, messages=3))
    write_job(tmp_path, server.base_url)
    return tmp_path


def doctor(folder, *arguments, token=TOKEN):
    """Return how the doctor ends, and its findings by name."""
    words = ["doctor", str(folder / "job.toml"), "--json", *arguments]
    result = CliRunner().invoke(cli, words, env={"ETL_TOKEN": token}, standalone_mode=False)
    assert result.exception is None
    data = json.loads(result.stdout)
    assert result.return_value == data["exit_code"]
    return data["exit_code"], {finding["name"]: finding for finding in data["findings"]}


def levels(findings):
    """Return each finding's level."""
    return {name: finding["level"] for name, finding in findings.items()}


def change(folder, old, new):
    """Change the job file."""
    path = folder / "job.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_doctor_of_a_ready_job_is_all_ok_and_changes_nothing(ready, server):
    """No message, no file, and the token goes nowhere."""
    before = sorted(ready.rglob("*"))
    code, findings = doctor(ready)

    assert 0 == code
    names = ["job", "loop", "files", "token", "dns", "tcp", "target", "clock", "disk", "ledger", "lock"]
    assert dict.fromkeys(names, "ok") == levels(findings)
    assert before == sorted(ready.rglob("*"))
    assert [] == server.arrivals
    ((path, headers),) = server.gets
    assert f"/webbot/api/webchat/{DEPLOYMENT}/config/" == path
    assert "authorization" not in headers


def test_doctor_for_people_has_a_line_for_each_check(ready):
    """Level, name, what was seen; what to do under it."""
    good = etl("doctor", "job.toml", cwd=ready, env=ENV)
    bad = etl("doctor", "job.toml", cwd=ready, env=environment())

    assert (0, "", "ready") == (good.code, good.out, good.err.splitlines()[-1])
    assert "ok    files     1 file, " in good.err
    assert 2 == bad.code
    assert "fail  token     no API token in environment variable ETL_TOKEN\n" in bad.err
    assert "-> copy it from Bot Settings" in bad.err
    assert "not ready: token (exit code 2)" == bad.err.splitlines()[-1]


def test_doctor_shows_no_secret(ready, server):
    """Not even when the server sends the token back."""
    server.config = lambda _path: Reply(status=302, body=TOKEN.encode(), headers={"Location": "/x"})
    result = etl("doctor", "job.toml", cwd=ready, env=ENV)

    assert TOKEN not in result.err + result.out
    assert 6 == result.code


def test_doctor_with_the_sandbox_needs_no_account(ready):
    """The rehearsal's own readiness."""
    code, findings = doctor(ready, "--sandbox", token=None)

    assert 0 == code
    assert "ok" == findings["target"]["level"]
    assert not (ready / "etl-state").exists()


def test_doctor_goes_on_after_a_failure(ready):
    """Three faults are found in one visit; the gravest decides."""
    (ready / "history.csv").unlink()
    change(ready, "base_url", 'token_file = "token"\nbase_url')
    (ready / "token").write_text(TOKEN)
    (ready / "token").chmod(0o644)
    change(ready, "http://127.0.0.1", "https://127.0.0.1")
    code, findings = doctor(ready)

    failed = [name for name, level in levels(findings).items() if level == "fail"]
    assert (2, ["files", "token", "tls"]) == (code, failed)
    assert "chmod 600" in findings["token"]["remedy"]
    assert all(findings[name]["remedy"] for name in failed)


def test_doctor_names_a_job_that_can_not_be_read(tmp_path):
    """Nothing else can be looked at then."""
    (tmp_path / "job.toml").write_text("source = 3")
    code, findings = doctor(tmp_path)

    assert 2 == code
    assert ["job"] == list(findings)


def test_token_file_is_shown_with_its_mode(ready):
    """The rule is the owner alone."""
    change(ready, "base_url", 'token_file = "token"\nbase_url')
    (ready / "token").touch(mode=0o600)
    (ready / "token").write_text(TOKEN)
    _, findings = doctor(ready, token=None)

    assert "ok" == findings["token"]["level"]
    assert "0600" in findings["token"]["seen"]


def test_nobody_at_the_address_is_later(ready):
    """As an import would end; local parts are looked at all the same."""
    change(ready, 'base_url = "', 'base_url = "http://127.0.0.1:9" # ')
    code, findings = doctor(ready)

    assert 75 == code
    assert ("fail", "ok") == (findings["tcp"]["level"], findings["lock"]["level"])
    assert "target" not in findings


def test_host_without_an_address_is_found(ready):
    """A typing error in base_url, or no name server. `.invalid` never exists (RFC 2606)."""
    change(ready, 'base_url = "', 'base_url = "https://no-such-host.invalid" # ')
    code, findings = doctor(ready)

    assert 75 == code
    assert "fail" == findings["dns"]["level"]
    assert "no-such-host.invalid" in findings["dns"]["seen"]


@pytest.mark.parametrize(("status", "code", "level"), [(404, 6, "fail"), (403, 0, "warn"), (503, 75, "fail")])
def test_answer_of_the_target_is_weighed(ready, server, status, code, level):
    """Over a real connection; the table itself is a unit test."""
    server.config = lambda _path: Reply(status=status, body=b"{}")
    found, findings = doctor(ready)

    assert (code, level) == (found, findings["target"]["level"])
    assert str(status) in findings["target"]["seen"]


def test_wrong_clock_is_a_warning(ready, server):
    """Its answer says what time the server has."""
    date = format_datetime(datetime.fromtimestamp(0, UTC) + timedelta(days=19_000), usegmt=True)
    server.config = lambda _path: Reply(body=b"{}", headers={"Date": date})
    code, findings = doctor(ready)

    assert (0, "warn") == (code, findings["clock"]["level"])
    assert "ahead of the server's" in findings["clock"]["seen"]


def test_certificate_is_shown_when_it_is_accepted_and_refused_when_not(ready):
    """Names, issuer, expiry; and the way to a company's own authority."""
    shown = make_identity(ready, "127.0.0.1", until=FAR)
    with platform(tls=shown.server()) as secured:
        change(ready, 'base_url = "', f'base_url = "{secured.base_url}" # ')
        refused_code, refused = doctor(ready)
        change(ready, "base_url", f'ca_file = "{shown.certificate}"\nbase_url')
        code, accepted = doctor(ready)

    assert (6, "fail") == (refused_code, refused["tls"]["level"])
    assert "target.ca_file" in refused["tls"]["remedy"]
    assert (0, "ok") == (code, accepted["tls"]["level"])
    assert "certificate for 127.0.0.1 by Sandbox Authority, expires in" in accepted["tls"]["seen"]


def test_ledger_and_lock_of_a_running_import_are_told(ready, server):
    """From another process, while messages are on their way."""
    seen = []

    def look(_arrival, number):
        if number == 2:
            seen.append(doctor(ready))
        return Reply(status=None) if number == 1 else Reply()

    server.answer = look
    imported = finish(start(["import", "job.toml"], cwd=ready, env=ENV))
    after_code, after = doctor(ready)

    ((code, findings),) = seen
    assert (75, "warn") == (code, findings["lock"]["level"])
    assert "pid" in findings["lock"]["seen"]
    assert 3 == imported.code == after_code
    assert "1 sent with unknown outcome" in after["ledger"]["seen"]
    assert "etl settle" in after["ledger"]["remedy"]


def test_damaged_ledger_is_the_gravest(ready):
    """It alone knows what was sent; here in a table that no other question reads."""
    etl("import", "job.toml", cwd=ready, env=ENV)
    (path,) = ready.glob("etl-state/*/ledger.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        query = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = ?"
        number, size = connection.execute(query, ("decision",)).fetchone()
    data = bytearray(path.read_bytes())
    data[(number - 1) * size : number * size] = b"\xff" * size
    path.write_bytes(data)
    code, findings = doctor(ready)

    assert (5, "fail") == (code, findings["ledger"]["level"])
    assert "damaged" in findings["ledger"]["seen"]


def test_hold_off_is_told(ready, server):
    """The API's pause outlives the run that heard of it."""
    server.answer = lambda _arrival, _number: Reply(status=429, headers={"Retry-After": "3000"})
    etl("import", "job.toml", cwd=ready, env=ENV)
    code, findings = doctor(ready)

    assert (75, "warn") == (code, findings["hold-off"]["level"])


def test_whom_the_job_tells_is_looked_at(ready):
    """A missing program or folder is a warning: the import itself would go on."""
    with (ready / "job.toml").open("a", encoding="utf-8") as job:
        job.write('[notify]\ncommand = ["no-such-program-anywhere"]\n[metrics]\ntextfile = "none/etl.prom"\n')
    code, findings = doctor(ready)

    assert (0, "warn", "warn") == (code, findings["notify"]["level"], findings["metrics"]["level"])


def test_state_folder_that_others_can_read_is_a_warning(ready):
    """It holds the texts."""
    etl("check", "job.toml", cwd=ready, env=ENV)
    (folder,) = (ready / "etl-state").iterdir()
    folder.chmod(0o755)
    code, findings = doctor(ready)

    assert (0, "warn") == (code, findings["disk"]["level"])
    assert f"chmod 700 {folder}" == findings["disk"]["remedy"]


def test_too_little_disk_is_found_before_the_night(ready):
    """Planning would fail half way."""
    with (ready / "history.csv").open("ab") as file:
        file.truncate(1 << 43)
    code, findings = doctor(ready)

    assert (2, "fail") == (code, findings["disk"]["level"])
    assert json.dumps(findings["disk"]["seen"]).count("GB") >= 1


def test_ledger_of_an_older_etl_is_a_warning(ready):
    """The next import brings it up to date; a copy first is wise."""
    etl("import", "job.toml", cwd=ready, env=ENV)
    (path,) = ready.glob("etl-state/*/ledger.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")
    code, findings = doctor(ready)

    assert (0, "warn") == (code, findings["ledger"]["level"])
    assert "older etl" in findings["ledger"]["seen"]
