"""A badge: the grade of the last check, as an SVG."""

from __future__ import annotations

from html import escape

from letterlock.web.store.checks import Check

_COLOURS = {"A": "#13693a", "B": "#4c6b13", "C": "#8a5200", "D": "#8a5200", "E": "#b3261e"}
_BAD, _UNKNOWN = "#b3261e", "#5a6068"
_LEFT = 62


def badge(check: Check | None) -> str:
    """`mail TLS` and the grade. Colours are told by the letter too, and keep 4.5 to 1 against
    white."""
    grade = check.grade if check is not None else None
    text = grade or "?"
    colour = _COLOURS.get(text, _BAD if grade else _UNKNOWN)
    title = escape(f"mail TLS: grade {grade}" if grade else "mail TLS: not determined")
    width = _LEFT + 26
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img"\
 aria-label="{title}"><title>{title}</title>\
<rect width="{width}" height="20" rx="3" fill="#343a41"/>\
<path d="M{_LEFT} 0h23a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-23z" fill="{colour}"/>\
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">\
<text x="{_LEFT / 2:g}" y="14">mail TLS</text>\
<text x="{_LEFT + 13}" y="14" font-weight="bold">{escape(text)}</text></g></svg>
"""
