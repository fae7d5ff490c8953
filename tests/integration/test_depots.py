"""One conformance suite for shared folders: a path of this machine, and S3 (moto on loopback)."""

import os
import pickle
import stat
import subprocess
import sys
import threading

import pytest

from etl.errors import LaterError, UsageError
from etl.storage.depot import open_depot
from etl.storage.remote import RemoteDepot
from support.command import environment

FETCH = "from pathlib import Path; from etl.storage.depot import open_depot; "
UPLOAD = """
import sys
from pathlib import Path
from etl.storage.depot import open_depot
location, cache, local, name = sys.argv[1:]
open_depot(location, cache=Path(cache)).publish(Path(local), name)
"""


@pytest.fixture(params=["local", "s3"])
def location(request, tmp_path):
    """Return where a depot is, of each kind."""
    if request.param == "local":
        return str(tmp_path / "depot")
    return request.getfixturevalue("bucket").uri("some/prefix")


@pytest.fixture
def depot(location, tmp_path):
    """Return a depot of each kind."""
    return open_depot(location, cache=tmp_path / "cache")


@pytest.fixture
def write(tmp_path):
    """Return a function that makes a file of this machine."""

    def made(content, name="made"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return made


def test_what_is_published_is_fetched(depot, write):
    """Also an empty file, and one that takes several requests."""
    for content in (b"", b"abc", os.urandom(9 << 20)):
        depot.publish(write(content), "plans/12/a.bin")
        assert content == depot.fetch("plans/12/a.bin").read_bytes()


def test_file_is_replaced_whole(depot, write):
    """The same name has the newest content, also where an older one was fetched before."""
    for content in (b"first", b"other", b"longer than both"):
        depot.publish(write(content), "a")
        assert content == depot.fetch("a").read_bytes()


def test_another_machine_sees_it(location, depot, write, tmp_path):
    """A depot is its location: another process with an empty cache reads and lists the same."""
    depot.publish(write(b"abc"), "x/a")
    other = open_depot(location, cache=tmp_path / "other")
    assert b"abc" == pickle.loads(pickle.dumps(other)).fetch("x/a").read_bytes()  # noqa: S301  our own
    assert ["x/a"] == other.names("")


def test_names_are_those_below_a_folder(depot, write):
    """A folder is no prefix of another one's name."""
    for name in ("plans/1/b", "plans/1/a", "plans/12/a", "c.json"):
        depot.publish(write(b"x"), name)
    assert ["plans/1/a", "plans/1/b"] == depot.names("plans/1")
    assert ["c.json", "plans/1/a", "plans/1/b", "plans/12/a"] == depot.names("")
    assert [] == depot.names("none")


def test_remove_takes_a_file_or_a_folder(depot, write):
    """Also one that was fetched; nothing there is fine."""
    for name in ("plans/1/a", "plans/1/b", "plans/12/a"):
        depot.publish(write(b"x"), name)
        depot.fetch(name)
    depot.remove("plans/1/a")
    assert [False, True] == [depot.exists(f"plans/1/{name}") for name in "ab"]
    depot.remove("plans/1")
    depot.remove("plans/1")
    assert ["plans/12/a"] == depot.names("")
    with pytest.raises(FileNotFoundError):
        depot.fetch("plans/1/a")


def test_what_is_not_there_is_said(depot):
    """Neither a folder nor a missing name is a file."""
    assert not depot.exists("a/b")
    with pytest.raises(FileNotFoundError):
        depot.fetch("a/b")


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a//b", "", ".", "a/../../b", "a\0b"])
def test_no_name_leads_out(depot, write, name):
    """Names come from listings that others can write."""
    for act in (depot.fetch, depot.exists, lambda one: depot.publish(write(b"x"), one)):
        with pytest.raises(ValueError, match="is no name in a depot"):
            act(name)


def test_everything_on_this_machine_is_private(depot, write, tmp_path):
    """Plans hold message texts."""
    depot.publish(write(b"abc"), "x/a")
    path = depot.fetch("x/a")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    made = [one for one in tmp_path.rglob("*") if one != tmp_path / "made"]
    assert not [one for one in made if one.stat().st_mode & 0o077]


def test_many_threads_fetch_one_file(depot, write):
    """A pump has several; each gets the whole."""
    content = os.urandom(1 << 20)
    depot.publish(write(content), "a")
    found = []
    threads = [threading.Thread(target=lambda: found.append(depot.fetch("a").read_bytes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [content] * 8 == found


def _publishing(location, local, tmp_path):
    """Start a process that publishes a file as `a`."""
    return subprocess.Popen([sys.executable, "-c", UPLOAD, location, str(tmp_path / "c"), str(local), "a"])


def test_half_a_copy_is_never_seen(write, tmp_path):
    """A machine dies while it writes: what was there stays."""
    depot = open_depot(str(tmp_path / "depot"), cache=tmp_path / "cache")
    depot.publish(write(b"before"), "a")
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    process = _publishing(str(tmp_path / "depot"), endless, tmp_path)
    with endless.open("wb") as sink:
        sink.write(b"half")
        sink.flush()
        process.kill()
        process.wait()
    assert b"before" == depot.fetch("a").read_bytes()
    assert ["a"] == depot.names("")


def test_half_an_upload_is_never_seen(store, bucket, write, tmp_path):
    """A machine dies while it uploads: what was there stays."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"before"), "a")
    second, dead = threading.Event(), threading.Event()
    puts = []

    def stall(method, _path):
        puts.append(method) if method == "PUT" else None
        if len(puts) > 1:
            second.set()
            dead.wait(10)

    store.hook = stall
    process = _publishing(bucket.uri("p"), write(b"x" * (25 << 20), "big"), tmp_path)
    assert second.wait(30)
    process.kill()
    process.wait()
    dead.set()
    store.hook = lambda _method, _path: None
    assert b"before" == depot.fetch("a").read_bytes()
    assert ["a"] == depot.names("")


def test_version_is_downloaded_once(store, bucket, write, tmp_path):
    """A plan may be a hundred gigabytes; but one who replaces it is noticed."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"abc"), "a")
    depot.fetch("a")
    store.requests.clear()
    again = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    assert b"abc" == again.fetch("a").read_bytes()
    assert ["HEAD"] == [method for method, _ in store.requests]
    bucket.put("p/a", b"xyz")
    assert b"xyz" == depot.fetch("a").read_bytes()


def test_what_is_published_from_the_cache_is_not_downloaded(store, bucket, tmp_path):
    """A plan is built in its place."""
    depot = RemoteDepot.of(bucket.uri("p"), cache=tmp_path / "cache")
    path = depot.cache.path("x/a")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"abc")
    depot.publish(path, "x/a")
    store.requests.clear()
    assert path == depot.fetch("x/a")
    assert ["HEAD"] == [method for method, _ in store.requests]


def test_copy_that_somebody_changed_is_not_used(bucket, write, tmp_path):
    """The cache is only that."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"abc"), "a")
    depot.fetch("a").write_bytes(b"ab")
    assert b"abc" == depot.fetch("a").read_bytes()


def test_file_that_is_replaced_while_it_is_read_is_no_mix(store, bucket, write, tmp_path):
    """Its ranges are requests of their own."""
    first, second = b"1" * (9 << 20), b"2" * (9 << 20)
    depot = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(first), "a")
    gets = []

    def replace(method, path):
        gets.append(path) if method == "GET" else None
        if len(gets) == 2:
            gets.append("")
            bucket.put("p/a", second)

    store.hook = replace
    assert second == depot.fetch("a").read_bytes()


def test_file_that_is_replaced_while_it_is_scanned_is_no_mix(bucket, write, tmp_path):
    """A worker that was taken for dead may still publish what others read already."""
    depot = RemoteDepot.of(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"11"), "a")
    looks: list[bytes] = []

    def look(file):
        first = file.read(1)
        if not looks:
            bucket.put("p/a", b"22")
        looks.append(first)
        return first + file.read(1)

    assert b"22" == depot.scan("a", look)
    assert [] == [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_hostile_keys_are_no_names(bucket, tmp_path):
    """A bucket may hold keys that no path can have."""
    for key in ("p/a", "p/../b", "p//c", "p/x/../../d"):
        bucket.put(key, b"x")
    assert ["a"] == open_depot(bucket.uri("p"), cache=tmp_path).names("")


def test_dead_downloads_leave_nothing(bucket, write, tmp_path):
    """Each kill would leave gigabytes otherwise."""
    depot = RemoteDepot.of(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"abc"), "a")
    left = depot.cache.path(".a-0123.part")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a")
    depot.fetch("a")
    assert not left.exists()


def _errors(depot, write):
    acts = (
        lambda: depot.fetch("a"),
        lambda: depot.publish(write(b"x"), "a"),
        lambda: depot.names(""),
        lambda: depot.remove("a"),
        lambda: depot.exists("a"),
    )
    for act in acts:
        with pytest.raises(UsageError) as caught:
            act()
        yield caught.value


def test_denied_access_is_told_without_the_secret(store, bucket, write, tmp_path):
    """Somebody has to change the permissions; the secret must not be printed."""
    store.demand_credentials(b"0")
    try:
        errors = list(_errors(open_depot(bucket.uri("p"), cache=tmp_path), write))
    finally:
        store.demand_credentials(b"inf")
    for error in errors:
        assert f"s3://{bucket.name}/p can't be used: " in error.message
        assert "cret" not in error.message + error.hint


def test_missing_bucket_is_told(bucket, write, tmp_path):
    """A typing error in the job."""
    uri = bucket.uri("p").replace(bucket.name, "no-such-bucket")
    depot = open_depot(uri, cache=tmp_path)
    for act in (lambda: depot.publish(write(b"x"), "a"), lambda: depot.names("")):
        with pytest.raises(UsageError, match="s3://no-such-bucket/p can't be used: there is no such bucket"):
            act()


def test_store_that_is_not_there_means_later(write, tmp_path):
    """The network is down: nothing is wrong with the job."""
    uri = "s3://key:se%2Fcret@bucket/p?endpoint_override=http://127.0.0.1:9&region=eu-west-1"
    depot = open_depot(uri, cache=tmp_path)
    for act in (lambda: depot.publish(write(b"x"), "a"), lambda: depot.names("")):
        with pytest.raises(LaterError) as caught:
            act()
        assert "s3://bucket/p can't be used: the store can't be reached" == caught.value.message


def test_upload_that_the_store_refuses_in_the_middle_is_no_object(store, bucket, write, tmp_path):
    """Closing a stream that failed must not publish what came before."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path / "cache")
    depot.publish(write(b"before"), "a")
    puts = []

    def refuse(method, _path):
        if method == "PUT":
            puts.append(method)
            return 403 if len(puts) > 1 else None
        return None

    store.hook = refuse
    with pytest.raises(UsageError):
        depot.publish(write(b"x" * (25 << 20)), "a")
    store.hook = lambda _method, _path: None
    assert b"before" == depot.fetch("a").read_bytes()


def test_store_and_credentials_come_from_the_environment(store, bucket, tmp_path):
    """They need not stand in a job: the names are those that other tools read."""
    bucket.put("p/a", b"abc")
    keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    env = environment(AWS_ENDPOINT_URL=store.url, **keys)
    code = f"{FETCH}open_depot('s3://{bucket.name}/p', cache=Path('cache')).fetch('a')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    assert b"abc" == (tmp_path / "cache" / "a").read_bytes()


def test_depot_shows_no_credentials(bucket, tmp_path):
    """Its text is what ends up in logs."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path)
    assert f"s3://{bucket.name}/p" == depot.location
    assert "cret" not in repr(depot)


def test_denied_write_is_told(store, bucket, write, tmp_path):
    """Credentials that may only read are common."""
    depot = open_depot(bucket.uri("p"), cache=tmp_path)
    store.hook = lambda method, _path: 403 if method in {"PUT", "POST"} else None
    with pytest.raises(UsageError, match="can't be used: access denied"):
        depot.publish(write(b"x"), "a")


@pytest.mark.parametrize(
    "uri", ["nonsense://x/y", "abfs://container@account.dfs.core.windows.net/p", "s3://bucket/p?colour=blue"]
)
def test_unknown_kinds_of_places_are_refused(tmp_path, uri):
    """The job must change."""
    with pytest.raises(UsageError):
        open_depot(uri, cache=tmp_path).names("")
