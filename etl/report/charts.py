"""Charts as SVG inside a page: text stays text, colours are the page's, each with its numbers as a table.

Drawn by matplotlib in placeholder colours that become CSS variables, so that one picture serves the light
and the dark theme and print. Series differ by hatching too. Labels are the program's own words, never text
from files.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Literal

from etl.report.html import number
from etl.report.svg import COLOURS, HATCHES, SERIES, inline

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 7.2
_LABEL_CHARACTERS: Final = 84
"""So many, with a gap of three between labels, fit below a chart."""
_LABELLED_SHARE: Final = 0.08
"""A smaller part of a bar has no room for its number."""
_DASHES: Final = ("-", "--", ":", "-.")
_MARK: Final[dict[str, Any]] = {"color": COLOURS["mark"], "linewidth": 1.3, "linestyle": (0, (5, 2))}
_BEHIND: Final[dict[str, Any]] = {"facecolor": COLOURS["paper"], "edgecolor": "none", "pad": 1.5}
_STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLOURS["rule"],
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.9,
    "legend.borderaxespad": 0.2,
    "legend.columnspacing": 1.4,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "etl",
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "xtick.color": COLOURS["muted"],
    "xtick.major.size": 0,
    "ytick.color": COLOURS["muted"],
    "ytick.major.size": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of value along a chart's axis."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line across a chart, with its label."""

    at: float
    """In the axis' unit; for `bars` a position among the labels: 2.5 is after the third bar."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture and the same as a table."""

    name: str
    """Unique in a page: letters, digits and hyphens."""
    title: str
    description: str
    """What the picture shows, in a sentence, for those who can't see it."""
    svg: "Markup"
    head: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a chart is called and says."""

    name: str
    title: str
    description: str
    axis: str
    """What the labels are, such as `month`; heads the table's first column."""
    unit: str = "messages"


def bars(
    words: Words,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    scale: Literal["linear", "log"] = "linear",
    mark: Mark | None = None,
) -> Chart:
    """Return bars side by side, one for each label, with the series stacked; `log` needs a single one."""
    with _canvas(2.6) as (figure, axes):
        _draw_bars(axes, labels, series, log=scale == "log")
        if mark is not None:
            axes.axvline(mark.at, **_MARK)
            axes.annotate(
                mark.label, (mark.at, 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
                textcoords="offset points", va="top", color=COLOURS["mark"], bbox=_BEHIND,
            )  # fmt: skip
        _name_axes(axes, words, legend=len(series) > 1)
        return _chart(words, figure, labels, series)


def lines(
    words: Words,
    positions: Sequence[float],
    series: Sequence[Series],
    *,
    labels: Sequence[str],
    limit: Mark | None = None,
) -> Chart:
    """Return lines over an axis of numbers; `labels` name the positions, `limit` is a level not to pass."""
    with _canvas(2.6) as (figure, axes):
        for place, one in enumerate(series):
            colour, style = SERIES[place % len(SERIES)], _DASHES[place % len(_DASHES)]
            axes.plot(positions, one.values, color=colour, linestyle=style, linewidth=1.6, label=one.name)
        if limit is not None:
            axes.axhline(limit.at, **_MARK)
            axes.annotate(
                limit.label, (0, limit.at), xycoords=("axes fraction", "data"), xytext=(2, 3),
                textcoords="offset points", color=COLOURS["mark"],
            )  # fmt: skip
        step = _step(labels)
        axes.set_xticks(list(positions)[::step], list(labels)[::step])
        axes.set_ylim(bottom=0)
        _name_axes(axes, words, legend=len(series) > 1)
        return _chart(words, figure, labels, series)


def balance(words: Words, sides: Mapping[str, Mapping[str, int]]) -> Chart:
    """Return one horizontal bar for each side, made of its parts: equal sums are equally long."""
    total = max((sum(parts.values()) for parts in sides.values()), default=0) or 1
    kinds = list(dict.fromkeys(name for parts in sides.values() for name in parts))
    with _canvas(0.75 + 0.5 * len(sides)) as (figure, axes):
        for row, parts in enumerate(sides.values()):
            _draw_parts(axes, row, parts, kinds, total)
        axes.set_yticks(range(len(sides)), list(sides))
        axes.invert_yaxis()
        axes.set_xlim(0, total)
        axes.xaxis.set_visible(False)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        handles, names = axes.get_legend_handles_labels()
        first = {name: handle for handle, name in zip(handles, names, strict=True)}
        axes.legend(first.values(), first.keys(), loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=8)
        svg = inline(figure, words.name, words.title, words.description)
    rows = tuple((side, name, value) for side, parts in sides.items() for name, value in parts.items())
    head = (words.axis, "part", words.unit)
    return Chart(
        name=words.name, title=words.title, description=words.description, svg=svg, head=head, rows=rows
    )


@contextmanager
def _canvas(height: float) -> "Iterator[tuple[Figure, Axes]]":
    """Give an empty chart of that height in inches, to be finished within the context."""
    # Without it matplotlib tells people about its font cache.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl  # noqa: PLC0415  start-up time
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        yield figure, axes


def _draw_bars(axes: "Axes", labels: Sequence[str], series: Sequence[Series], *, log: bool) -> None:
    base = [0.0] * len(labels)
    for place, one in enumerate(series):
        axes.bar(
            range(len(labels)), one.values, bottom=base, width=0.8, label=one.name, log=log, **_look(place)
        )
        base = [low + value for low, value in zip(base, one.values, strict=True)]
    if not log:
        axes.locator_params(axis="y", integer=True)
    step = _step(labels)
    axes.set_xticks(range(0, len(labels), step), list(labels)[::step])
    axes.set_xlim(-0.6, len(labels) - 0.4)


def _step(labels: Sequence[str]) -> int:
    """Return of how many labels one has room."""
    return max(1, ceil(len(labels) * (3 + max(map(len, labels), default=0)) / _LABEL_CHARACTERS))


def _draw_parts(axes: "Axes", row: int, parts: Mapping[str, int], kinds: Sequence[str], total: int) -> None:
    left = 0
    for name, value in parts.items():
        axes.barh(row, value, left=left, height=0.62, label=name, **_look(kinds.index(name)))
        if value >= _LABELLED_SHARE * total:
            axes.text(
                left + value / 2, row, number(value), ha="center", va="center",
                bbox=_BEHIND,
            )  # fmt: skip
        left += value


def _look(place: int) -> dict[str, Any]:
    return {
        "color": SERIES[place % len(SERIES)],
        "hatch": HATCHES[place % len(HATCHES)],
        "edgecolor": COLOURS["paper"],
        "linewidth": 0.5,
    }


def _name_axes(axes: "Axes", words: Words, *, legend: bool) -> None:
    axes.set_xlabel(words.axis)
    axes.set_ylabel(words.unit)
    axes.yaxis.set_major_formatter(lambda value, _: number(round(value, 1)))
    axes.minorticks_off()
    if legend:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6)


def _chart(words: Words, figure: "Figure", labels: Sequence[str], series: Sequence[Series]) -> Chart:
    return Chart(
        name=words.name,
        title=words.title,
        description=words.description,
        svg=inline(figure, words.name, words.title, words.description),
        head=(words.axis, *(one.name for one in series)),
        rows=tuple(zip(labels, *(one.values for one in series), strict=True)),
    )
