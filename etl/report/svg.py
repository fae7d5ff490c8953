"""A matplotlib figure as SVG that belongs into a page: its colours, fonts and ids are the page's."""

import re
from io import StringIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

COLOURS: Final = {
    name: f"#0a0b{place:02x}" for place, name in enumerate(("ink", "muted", "rule", "paper", "mark"), 1)
}
"""Placeholders by the name of the CSS variable that they become: `--ink` and so on."""
SERIES: Final = tuple(f"#0a0c{place:02x}" for place in range(1, 7))
"""The same for series: `--series-1` …"""
HATCHES: Final = ("", "///", "\\\\\\", "xxx", "---", "|||")
"""Lines only: dots cost 10 KB a chart."""

_VARIABLES: Final = {
    **{colour: f"var(--{name})" for name, colour in COLOURS.items()},
    **{colour: f"var(--series-{place})" for place, colour in enumerate(SERIES, 1)},
}
_COLOUR: Final = re.compile("|".join(_VARIABLES))
_TAG: Final = re.compile(r"<[^>]+>")
_DECIMALS: Final = re.compile(r"(\d)(?:\.0+\b|(\.\d)\d+)")
_NEEDLESS: Final = re.compile(
    r"""<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>|[ ]transform="rotate\(-0[^"]*"|"""
    r"""font-family:[^;"]+;[ ]?|;[ ]stroke-line(?:join|cap):[ ]\w+""",
    re.DOTALL | re.VERBOSE,
)
_REFERENCE: Final = re.compile(r"""(?:href="#|url\(#)([\w-]+)""")
_STEPS: Final = re.compile(r" ?\b([MLz]) (?=[^<>]*>)")
_ALIKE: Final = re.compile(r'<path d="[^"]*"( [^>]*)/>(?:<path d="[^"]*"\1/>)+')
"""Neighbours that look alike, as the bars of a series do: their look is said once."""
_ID: Final = re.compile(r'\s+id="([\w.-]+)"')


def inline(figure: "Figure", name: str, title: str, description: str) -> "Markup":
    """Return the figure as an `<svg>` element without a size of its own; `name` makes its ids unique."""
    from markupsafe import Markup, escape  # noqa: PLC0415

    sink = StringIO()
    figure.savefig(sink, format="svg", metadata={"Date": None})
    drawn = sink.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    box = re.search(r'viewBox="[^"]+"', drawn)
    body = drawn[drawn.index(">") + 1 :]
    body = _TAG.sub(lambda tag: _DECIMALS.sub(r"\1\2", " ".join(tag[0].split())), body)
    body = _NEEDLESS.sub("", body)
    body = _COLOUR.sub(lambda colour: _VARIABLES[colour[0]], body)
    body = re.sub(r"\s*\n\s*", "", _ids(body, name))
    if "<g " not in body:  # groups that say nothing
        body = re.sub(r"</?g/?>", "", body)
    body = _STEPS.sub(r"\1", body)
    body = _ALIKE.sub(lambda run: f"<g{run[1]}>{run[0].replace(run[1], '')}</g>", body)
    return Markup(  # noqa: S704  drawn by matplotlib from the program's own words
        f'<svg role="img" aria-labelledby="{name}-title {name}-desc" {box[0] if box else ""} '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{body}"
    )


def _ids(body: str, name: str) -> str:
    """Make ids unique in a page, and drop those that nothing refers to."""
    used = set(_REFERENCE.findall(body))
    body = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    return _REFERENCE.sub(lambda found: found[0].removesuffix(found[1]) + f"{name}-{found[1]}", body)
