"""The metrics file."""

import os
import stat

import pytest
from prometheus_client.parser import text_string_to_metric_families

from etl.errors import ExitCode
from etl.model.events import Finished, HoldOff, Planned, Retrying, Settled, SettledElsewhere, Started, Warned
from etl.model.states import State
from etl.report.metrics import METRICS, RunMetrics, last_success

EVENTS = (
    Planned(plan="p", messages=3, lanes=1, rejects=2),
    Started(messages=3, target="t"),
    Settled(ordinal=0, state=State.ACCEPTED, latency_seconds=0.3),
    Settled(ordinal=1, state=State.ACCEPTED, latency_seconds=40),
    Settled(ordinal=2, state=State.UNCERTAIN, latency_seconds=0.01),
    Retrying(ordinal=2, reason="http_429", wait_seconds=1),
    HoldOff(seconds=2.5, reason="http_429"),
    Warned(message="x"),
    Finished(exit_code=ExitCode.INCOMPLETE, counts={"accepted": 2, "uncertain": 1}, report=None),
)


def metrics(path, *, source="acme"):
    """Return the metrics of a run that began at 100."""
    return RunMetrics(path, source=source, deployment="d", started_seconds=100.0)


def read(path):
    """Return each sample's value by its name and the labels beyond those that all have."""
    samples = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert ("acme", "d") == (labels.pop("source"), labels.pop("deployment"))
            samples[sample.name, *labels.values()] = sample.value
    return samples


def test_a_run_is_counted_from_its_events(tmp_path):
    """The same events that people and logs see."""
    path = tmp_path / "etl.prom"
    run = metrics(path)
    for event in EVENTS:
        run(event)
    run.ended(ExitCode.INCOMPLETE, at_seconds=160.0)
    run.write()

    found = read(path)
    assert {
        ("etl_run_active",): 0,
        ("etl_run_start_time_seconds",): 100,
        ("etl_run_end_time_seconds",): 160,
        ("etl_run_exit_code",): 3,
        ("etl_run_expected_messages",): 3,
        ("etl_run_settled_messages", "accepted"): 2,
        ("etl_run_settled_messages", "uncertain"): 1,
        ("etl_run_retries",): 1,
        ("etl_run_hold_off_seconds",): 2.5,
        ("etl_run_latency_seconds_count",): 3,
        ("etl_plan_rejects",): 2,
        ("etl_plan_messages", "accepted"): 2,
        ("etl_plan_messages", "uncertain"): 1,
    }.items() <= found.items()
    assert ("etl_last_success_time_seconds",) not in found


def test_file_holds_the_metrics_of_the_table_and_no_others(tmp_path):
    """The README's table is made from it."""
    path = tmp_path / "etl.prom"
    run = metrics(path)
    for event in EVENTS:
        run(event)
    run.ended(ExitCode.OK, at_seconds=160.0)
    run.write()

    families = {family.name for family in text_string_to_metric_families(path.read_text())}
    assert {metric.name for metric in METRICS} == families


def test_running_import_has_no_exit_code_yet(tmp_path):
    """A monitor must not take the last night's for it."""
    path = tmp_path / "etl.prom"
    metrics(path).write()

    found = read(path)
    assert 1 == found["etl_run_active",]
    assert ("etl_run_exit_code",) not in found


def test_last_success_outlives_a_failure(tmp_path):
    """An alarm on its age must not be silenced by the failure itself."""
    path = tmp_path / "etl.prom"
    first = metrics(path)
    first.ended(ExitCode.OK, at_seconds=160.0)
    first.write()
    second = metrics(path)
    second.ended(ExitCode.LATER, at_seconds=260.0)
    second.write()

    assert 160 == read(path)["etl_last_success_time_seconds",]
    assert last_success(path, source="other", deployment="d") is None


@pytest.mark.parametrize("content", ["{", 'etl_last_success_time_seconds{source="acme"', "\0", None])
def test_unreadable_earlier_file_is_no_hindrance(tmp_path, content):
    """Somebody else's, half a one, or none."""
    path = tmp_path / "etl.prom"
    if content is not None:
        path.write_text(content)
    metrics(path).write()

    assert 1 == read(path)["etl_run_active",]


def test_file_is_readable_by_all_and_leaves_nothing_beside_it(tmp_path):
    """The collector is another user, also where the umask is strict; it holds numbers only."""
    path = tmp_path / "etl.prom"
    before = os.umask(0o077)
    try:
        metrics(path).write()
    finally:
        os.umask(before)

    assert 0o644 == stat.S_IMODE(path.stat().st_mode)
    assert ["etl.prom"] == [entry.name for entry in tmp_path.iterdir()]


def test_file_that_can_not_be_written_is_an_error_for_the_caller(tmp_path):
    """Who warns and goes on."""
    with pytest.raises(OSError, match="No such file"):
        metrics(tmp_path / "none" / "etl.prom").write()


def test_messages_that_others_settled_are_counted(tmp_path):
    """A cluster's workers send; how long each answer took, only they know."""
    path = tmp_path / "etl.prom"
    run = metrics(path)
    run(SettledElsewhere(messages=250, state=State.ACCEPTED))
    run(SettledElsewhere(messages=50, state=State.ACCEPTED))
    run.write()

    assert 300 == read(path)["etl_run_settled_messages", "accepted"]
