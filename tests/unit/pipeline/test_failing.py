"""Which failures of workers end a run."""

from etl.pipeline.failing import Failures


def failing(*workers: str) -> Failures:
    """Return the failures of workers' calls, in order."""
    made = Failures()
    for worker in workers:
        made.add(worker)
    return made


def test_run_goes_on_as_long_as_one_worker_may_work():
    """What one machine can't do, another one may."""
    assert not failing("a", "a", "a", "a", "b", "b").hopeless(2)
    assert failing("a", "a", "a", "b", "b", "b").hopeless(2)


def test_worker_that_is_gone_hides_nobody():
    """Its one failure stays in the list for ever; those that are left can't work."""
    assert failing("gone", "a", "a", "a").hopeless(1)


def test_what_was_accepted_meanwhile_gives_new_hope():
    """A fault that passes ends no run; nor does a call that ended well."""
    made = failing("a", "a", "a")
    made.progress()
    assert not made.hopeless(1)
    assert [False, False, True] == [made.add("a") for _ in range(3)]
    made.forgive("a")
    assert not made.hopeless(1)


def test_no_worker_alone_is_no_reason():
    """None may be known for a moment, while they start anew."""
    assert not failing("a").hopeless(0)
