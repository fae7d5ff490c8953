"""Reports as one HTML file: everything escaped, nothing fetched from elsewhere, no script."""

from functools import cache
from typing import TYPE_CHECKING, Any

from etl.model.profile import minutes_name
from etl.report.alerts import share
from etl.report.summary import duration
from etl.report.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def page(template: str, **values: object) -> str:
    """Return a page made of a template in `templates/`; it begins with `base.html.j2`.

    Every value is escaped for HTML, and characters that would turn or hide others are shown as escapes;
    only `Chart.svg` (a `Markup`) is put in as it is.
    """
    return _environment().get_template(template).render(**values)


def number(value: float | str) -> str:
    """Return a count or measure as people read it: thousands apart, no needless decimals."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}".removesuffix(".0")


def ticked(text: str) -> "Markup":
    """Return text escaped, with what stands between backticks as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415  start-up time

    parts = [str(escape(visible(part))) for part in text.split("`")]
    code = [f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)]
    return Markup("".join(code) if len(parts) % 2 else "`".join(parts))  # noqa: S704  escaped above


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  start-up time

    environment = Environment(
        loader=PackageLoader("etl.report"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, duration=duration, minutes=minutes_name, ticked=ticked)
    environment.globals["share"] = share
    return environment


def _finalize(value: Any) -> Any:  # noqa: ANN401  whatever a template prints
    # Markup is a str of its own: it was made by this program, and its line ends matter.
    return visible(value) if type(value) is str else value
