"""`etl plan` and `etl replay` after a run was killed with a message in flight."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import Finished, environment, etl, start
from support.history import rows, write_csv, write_job
from support.recorder import TOKEN, Arrival, Platform, Reply

ENV = environment(ETL_TOKEN=TOKEN)
BEFORE, AFTER = 2, 3


@pytest.fixture
def killed(tmp_path: Path, server: Platform) -> Callable[..., Callable[..., Finished]]:
    """Return what kills an import of three users' messages at its third, and lets the export grow."""

    def prepared(**replay: str) -> Callable[..., Finished]:
        write_csv(tmp_path / "history.csv", rows(users=3, messages=BEFORE))
        write_job(tmp_path, server.base_url, lanes=1, **replay)
        running = start(("import", "job.toml"), cwd=tmp_path, env=ENV)

        def kill(_arrival: Arrival, number: int) -> Reply:
            if number == 3:
                running.kill()
                return Reply(delay_seconds=0.2)
            return Reply()

        server.answer = kill
        running.communicate(timeout=60)
        server.quiet()
        server.answer = lambda _arrival, _number: Reply()
        assert 3 == len(server.arrivals)
        write_csv(tmp_path / "history.csv", rows(users=3, messages=AFTER))
        return lambda *arguments: etl(*arguments, cwd=tmp_path, env=ENV)

    return prepared


def replay_of(planned: Finished) -> list[str]:
    """Return the words after `etl` that the plan says to type next."""
    return [*planned.data["next"].split()[1:], "--json"]


def test_plan_made_after_a_crash_is_sent_by_the_command_that_it_names(killed, server):
    """Calling what was in flight uncertain makes no plan older: it was in none of them either way."""
    run = killed()
    sent = run(*replay_of(run("plan", "job.toml", "--json")))
    assert 3 == sent.code, sent.err
    assert (1, 0) == (sent.data["recovered"], sent.data["states"]["pending"])
    ids = server.ids()
    assert len(set(ids)) == len(ids)


def test_assumed_acceptance_after_a_crash_leaves_a_plan_as_it_is(killed, server):
    """The plan holds neither uncertain nor accepted messages, so all of it can be sent."""
    run = killed(on_uncertain="assume-accepted")
    sent = run(*replay_of(run("plan", "job.toml", "--json")))
    assert 0 == sent.code, sent.err
    assert 3 * AFTER == len(set(server.ids())) == len(server.arrivals)


@pytest.mark.parametrize("option", ["--plan", "--expect-plan"])
def test_resending_makes_a_plan_without_the_message_refused_in_words(killed, server, option):
    """It would be lost with the plan that it belongs to; planned again, it is sent, and once."""
    run = killed(on_uncertain="resend")
    planned = run("plan", "job.toml", "--json").data["plan"]["hash"]
    refused = run("replay", "job.toml", option, planned[:12])
    assert 2 == refused.code
    assert f"plan {planned[:12]} lacks 1 message" in refused.err
    assert 'on_uncertain = "resend"' in refused.err
    assert "run `etl plan job.toml` again" in refused.err
    assert 3 == len(server.arrivals)
    sent = run(*replay_of(run("plan", "job.toml", "--json")))
    assert 0 == sent.code, sent.err
    assert (3 * AFTER, 3 * AFTER + 1) == (len(set(server.ids())), len(server.arrivals))


def test_going_on_with_an_old_plan_says_that_a_newer_one_waits(killed):
    """Otherwise "complete" would be taken for the new plan, of which nothing was sent."""
    run = killed(on_uncertain="resend")
    newer = run("plan", "job.toml", "--json").data["plan"]["hash"][:12]
    told = run("replay", "job.toml")
    assert 0 == told.code, told.err
    assert f"plan {newer} lacks 1 message" in told.err
    assert "run `etl plan job.toml` afterwards" in told.err
