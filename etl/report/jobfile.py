"""A proposal as a job file for people: every setting with its reason, what is open in commented lines."""

import json
import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any, Final

from etl.config.proposal import Proposal, SecondFile, Setting, Status

WIDTH: Final = 110
_RULE: Final = "# " + "-" * (WIDTH - 2)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEADINGS: Final = {
    "target": "Where the messages go.",
    "input": "Which files.",
    "columns": "Which column holds what.",
    "rows": "Which rows count; the others are skipped and counted.",
    "roles": "Who wrote a row. Values are compared exactly; a value in no list stops the import.",
    "visibility": "What customers saw. Private rows are skipped; any other value is a reject.",
    "time": "How times are written.",
    "text": "What is done to texts.",
    "message": "What a request looks like.",
}


def render(proposal: Proposal, *, name: str, looked_at: str) -> str:
    """Return the job file. `name` is what it will be called, `looked_at` the files it was made from."""
    blocks = [_head(proposal, name, looked_at)]
    tables = dict.fromkeys(setting.table for setting in proposal.settings)
    blocks.extend(_table(table, proposal) for table in tables)
    blocks.extend(_second(second) for second in proposal.seconds)
    blocks.append(_last())
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def toml(value: Any) -> str:  # noqa: ANN401  whatever a setting can be
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{toml_key(key)} = {toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=not value.isprintable()).replace("\x7f", "\\u007f")
    return json.dumps(value)


def toml_key(key: str) -> str:
    """Return a key as TOML, quoted where it must be."""
    return key if _BARE.fullmatch(key) else toml(key)


def _head(proposal: Proposal, name: str, looked_at: str) -> list[str]:
    lines = [
        *_comment(f"Made by `etl init` from {looked_at}: {proposal.rows:,} rows were looked at."),
        *_comment(f"The export: {proposal.title}."),
        "#",
        f"#   etl check  {name}              what an import would do; sends nothing",
        f"#   etl import {name} --sandbox    the whole import on this machine; needs no account",
    ]
    states = {setting.status for setting in proposal.settings}
    if Status.NEEDED in states or any(second.needed and not second.files for second in proposal.seconds):
        lines += ["#", '# Fill in the lines that begin with "# needed:" and take the mark away.']
    if Status.DECIDE in states:
        lines += ["#", '# Put the values behind "# decide:" where they belong.']
    for title, entries in (("Look at this", proposal.warnings), ("Good to know", proposal.notes)):
        if entries:
            lines += ["#", f"# {title}:"]
            for entry in entries:
                lines.extend(_comment(entry, first="- ", rest="  "))
    return lines


def _table(table: str, proposal: Proposal) -> list[str]:
    lines: list[str] = []
    if table:
        lines = [_RULE, *_comment(_HEADINGS[table]), f"[{table}]"]
    for setting in proposal.settings:
        if setting.table == table:
            lines.extend(_setting(setting))
    return lines


def _setting(setting: Setting) -> Iterator[str]:
    for reason in setting.why:
        yield from _comment(reason)
    line = f"{setting.key} = {toml(setting.value)}"
    match setting.status:
        case Status.SET:
            yield from _assignment(setting.key, setting.value)
        case Status.OPTION:
            yield f"# {line}"
        case Status.NEEDED:
            yield f"# needed: {line}"
        case Status.DECIDE:
            yield f"# decide: {line if setting.key else toml(setting.value)}"


def _assignment(key: str, value: Any) -> Iterator[str]:  # noqa: ANN401
    line = f"{toml_key(key)} = {toml(value)}"
    if len(line) <= WIDTH or not isinstance(value, list):
        yield line
        return
    yield f"{toml_key(key)} = ["
    yield from (f"  {line}" for line in _filled([f"{toml(item)}," for item in value]))
    yield "]"


def _filled(items: Iterable[str]) -> Iterator[str]:
    """Yield lines of as many items as fit; none is broken."""
    line = ""
    for item in items:
        if line and len(line) + len(item) + 3 > WIDTH:
            yield line
            line = ""
        line = f"{line} {item}" if line else item
    if line:
        yield line


def _second(second: SecondFile) -> list[str]:
    given = bool(second.files)
    mark = "" if given else "# "
    lines = [_RULE, *_comment(f"A second file: {second.what}.")]
    if not given:
        why = "needed: name the file" if second.needed else "Name the file and take the marks away to use it"
        lines.extend(_comment(f"{why}; or run `etl init` again with both files."))
    lines.append(f"{mark}[[{second.kind}]]")
    lines.append(f"{mark}files = {toml(list(second.files) or ['…'])}")
    for key, value in second.table.items():
        inner = value.items() if isinstance(value, dict) else ()
        lines.extend(f"{mark}{key}.{toml_key(name)} = {toml(item)}" for name, item in inner)
        if not inner:
            lines.append(f"{mark}{key} = {toml(value)}")
    return lines


def _last() -> list[str]:
    return [
        _RULE,
        "# Pace. The API documents no limit: ask for yours. configs/example.toml shows all other settings.",
        "[replay]",
        "rate_per_second = 2.0",
    ]


def _comment(text: str, *, first: str = "", rest: str = "") -> Iterable[str]:
    """Return a text as comment lines; nothing in it can end the comment."""
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    lines = wrap(
        shown,
        WIDTH,
        initial_indent=f"# {first}",
        subsequent_indent=f"# {rest}",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or ["#"]
