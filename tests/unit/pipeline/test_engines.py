"""`--cluster ADDRESS`: what it may be, and what a worker must be."""

import pytest

from etl.cluster.embedded import EmbeddedEngine
from etl.config.load import parse_job
from etl.config.target import Target
from etl.errors import UsageError
from etl.pipeline import probing
from etl.pipeline.engines import opened_engine
from etl.pipeline.probing import Probe, Sight, require, versions

JOB = parse_job(
    {
        "source": "acme",
        "ledger": "postgresql://db/etl",
        "target": {"deployment_id": "d"},
        "columns": {"user": "u", "role": "r", "timestamp": "t", "text": "x"},
        "roles": {"customer": ["c"], "agent": ["a"]},
    },
    name="job.toml",
)


def test_nothing_is_opened_without_an_address():
    """One process does it all, as ever."""
    with opened_engine(None, JOB) as engine:
        assert engine is None


@pytest.mark.parametrize(("address", "workers"), [("local", 2), ("local:5", 5)])
def test_local_engine_has_so_many_workers(address, workers):
    """For a trial on a laptop."""
    with opened_engine(address, JOB) as engine:
        assert engine is not None
        assert workers == engine.workers


@pytest.mark.parametrize("address", ["local:0", "local:x", "host:8786", "http://host:1", "", "tcp:host"])
def test_senseless_address_is_refused(address):
    """Before anything is asked."""
    with pytest.raises(UsageError, match="--cluster"), opened_engine(address, JOB):
        pass


def test_ledger_in_a_file_is_refused():
    """Many machines can't write one file."""
    job = JOB.model_copy(update={"ledger": None})
    with pytest.raises(UsageError, match="needs a ledger") as caught, opened_engine("local", job):
        pass

    assert "postgresql://" in caught.value.hint


def test_worker_that_sees_and_has_everything_is_fit(tmp_path, monkeypatch):
    """The same versions, the folder, a token of its own."""
    (tmp_path / "seen").write_text("word")
    monkeypatch.setenv("ETL_TOKEN", "chat-token")
    probe = Probe(
        folder=tmp_path, token_file="seen", token_text="word", target=Target(deployment_id="d"),  # noqa: S106  no token
        job_folder=tmp_path,
    )  # fmt: skip

    require(EmbeddedEngine(1), probe)


def test_worker_without_a_token_is_named_with_where_to_put_one(monkeypatch, tmp_path):
    """It never crosses the network, so each worker needs it."""
    monkeypatch.delenv("ETL_TOKEN", raising=False)
    probe = Probe(target=Target(deployment_id="d"), job_folder=tmp_path)

    with pytest.raises(
        UsageError, match="worker this process: no API token in environment variable"
    ) as caught:
        require(EmbeddedEngine(1), probe)
    assert "its own environment" in caught.value.hint


@pytest.mark.parametrize("there", [True, False])
def test_worker_that_does_not_see_the_folder_is_refused(tmp_path, there):
    """A folder of the same name on another machine holds another word."""
    if there:
        (tmp_path / "seen").write_text("another")
    probe = Probe(folder=tmp_path, token_file="seen", token_text="word")  # noqa: S106  no token

    with pytest.raises(UsageError, match="does not see the state folder"):
        require(EmbeddedEngine(1), probe)


def test_worker_with_other_versions_is_refused(monkeypatch):
    """What a plan holds, and what travels, depends on them."""
    ours = versions()
    monkeypatch.setattr(probing, "look", lambda _: Sight(versions={**ours, "duckdb": "0.1"}, problems=()))

    with pytest.raises(UsageError, match=r"has other versions: duckdb 0\.1 \(here "):
        require(EmbeddedEngine(1), Probe())
