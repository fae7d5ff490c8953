"""`etl send`."""

import sys
from pathlib import Path
from typing import Final

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.config.load import load_job
from etl.errors import UsageError
from etl.pipeline.handmade import hand_message
from etl.pipeline.send import SendResult, run_send
from etl.replay.outcome import Verdict
from etl.report.instants import iso

_REFUSALS: Final = {
    "http_401": "the token is refused; it may have been generated anew in Bot Settings",
    "http_403": "the token is refused",
    "http_404": "there is no such deployment or path; etl doctor looks closer",
    "http_405": "there is another path; etl doctor looks closer",
    "certificate": "the server's certificate is not trusted; etl doctor looks closer",
}
"""What to look at, by the reason of a refusal."""
_SWORN = "--text-message --yes-let-the-bot-answer"


@click.command("send")
@options.job
@click.option("--user", required=True, metavar="ID", help="The user_id: a made-up one is best.")
@click.option(
    "--text", required=True, help="What to send; - reads stdin, which others on this machine can't see."
)
@click.option("--at", metavar="TIME", help="ISO 8601 with an offset, or Unix seconds. Without it: now.")
@click.option("--text-message", is_flag=True, help="Send a text, which the bot answers, and not a standby.")
@click.option("--yes-let-the-bot-answer", is_flag=True, help="The second word that --text-message needs.")
@click.option("--ref", default="", metavar="MODULE", help="The Module to jump to; only with --text-message.")
@click.option("--profile", multiple=True, metavar="NAME=VALUE", help="An entry of user_profile.")
@click.option("--variable", multiple=True, metavar="NAME=VALUE", help="A custom variable (user_cvars).")
@click.option(
    "--beside-plan", is_flag=True, help="Also to a user with unsent messages in the plan under way."
)
@click.option("--show-request", is_flag=True, help="Show the whole request, the token hidden.")
@options.sandbox
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    user: str,
    text: str,
    at: str | None,
    text_message: bool,  # noqa: FBT001  flags of the command line
    yes_let_the_bot_answer: bool,  # noqa: FBT001
    ref: str,
    profile: tuple[str, ...],
    variable: tuple[str, ...],
    beside_plan: bool,  # noqa: FBT001
    show_request: bool,  # noqa: FBT001
    sandbox: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Send one message by hand, as a standby message, to try a deployment before trusting it with a history.

    It can't be taken back: use a made-up user. It is sent once, never again, and is part of no plan; what
    came of it is kept beside the ledger, without the text. A text given as an argument shows in the
    machine's list of processes; `--text -` reads it from stdin.

    Exit code 0: accepted; 3: refused, or its fate is unknown; 6: token or address refused, or the bot
    answered a standby message; 75: not sent, later.
    """
    if text_message != yes_let_the_bot_answer:
        raise UsageError(
            "a text wakes the bot, with its webhooks: that must be said twice",
            hint=f"say {_SWORN}, or neither for a standby message",
        )
    job_file = load_job(job)
    message = hand_message(
        job_file.job,
        user=user,
        text=_text(text),
        at=at,
        wakes_bot=text_message,
        ref=ref,
        profile=profile,
        variables=variable,
    )
    result = run_send(job_file, message, sandbox=sandbox, beside_plan=beside_plan)
    if as_json:
        give(_as_json(result, show_request=show_request))
    else:
        for line in _lines(result, show_request=show_request):
            say(line)
    return result.exit_code


def _text(text: str) -> str:
    if text != "-":
        return text
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise UsageError("stdin is no UTF-8") from error


def _as_json(result: SendResult, *, show_request: bool) -> dict[str, object]:
    return {
        "id": result.message.id.hex(),
        "verdict": result.verdict.value,
        "reason": result.reason,
        "error": result.error,
        "http_status": result.http_status,
        "conversation_id": result.conversation_id,
        "replies": list(result.replies),
        "bot_answered_standby": result.bot_answered_standby,
        "warnings": list(result.warnings),
        **({"request": result.request} if show_request else {}),
        "record": str(result.record),
        "exit_code": result.exit_code,
    }


def _lines(result: SendResult, *, show_request: bool) -> list[str]:
    message = result.message
    kind = "text" if message.wakes_bot else "standby"
    lines = [f"request  {line}" for line in result.request.splitlines()] if show_request else []
    lines += [f"warning  {warning}" for warning in result.warnings]
    lines.append(f"sent     one {kind} message, id {message.id.hex()}, time {iso(message.at_us)}")
    status = "no answer" if result.http_status is None else f"HTTP {result.http_status}"
    lines.append(f"answer   {status}: {result.error or result.reason}")
    if result.conversation_id:
        lines.append(f"in       conversation {result.conversation_id}")
    for reply in result.replies:
        lines += [f"bot      {line}" for line in reply.splitlines() or [""]]
    if message.wakes_bot and result.verdict is Verdict.ACCEPTED and not result.replies:
        lines.append("bot      (said nothing)")
    lines.append(f"record   {result.record}")
    lines.append(f"result   {_verdict(result)}")
    return lines


def _verdict(result: SendResult) -> str:
    if result.bot_answered_standby:
        return "the bot answered a standby message, against the documentation: import nothing here"
    return {
        Verdict.ACCEPTED: "accepted; look it up in the Inbox",
        Verdict.REJECTED: "refused for good: the API does not take this message",
        Verdict.UNCERTAIN: "unknown: it may have been taken; look in the Inbox before sending it again",
        Verdict.RETRY: "not sent: the platform can't be reached or said later",
        Verdict.STOP: f"not taken: {_REFUSALS.get(result.reason, 'check target.base_url and target.path')}",
    }[result.verdict]
