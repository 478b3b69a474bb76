"""HTML out of prose, tables and figures. Whatever a user's data holds is escaped here."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #1d2430;
  background: #fff; margin: 0 auto; padding: 1rem 1rem 3rem; max-width: 46rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; padding-top: .6rem;
  border-top: 1px solid #dfe3ea; }
p { margin: .5rem 0; }
.answer { font-size: 1.12rem; background: #eef4fb; border-left: 4px solid #2b6cb0;
  padding: .7rem .9rem; margin: 1rem 0; border-radius: 0 6px 6px 0; }
.note { color: #5a6474; font-size: .88rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr)); gap: .6rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { border: 1px solid #dfe3ea; border-radius: 6px; padding: .5rem .7rem; }
.tiles b { display: block; font-size: 1.15rem; line-height: 1.3; }
.tiles span { color: #5a6474; font-size: .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .6rem 0; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #e8ebf0;
  vertical-align: top; }
th { color: #5a6474; font-weight: 600; white-space: nowrap; }
th, td { overflow-wrap: normal; }
td code { white-space: nowrap; }
td.long { min-width: 10rem; overflow-wrap: anywhere; }
.board td.long { min-width: 15rem; }
td.long code { white-space: normal; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { width: clamp(3rem, 20vw, 12rem); }
.bar div { background: #2b6cb0; height: .7rem; margin-top: .35rem; }
tr.lead td { background: #eef4fb; }
figure { margin: .8rem 0; }
figure img { width: 100%; max-width: 36rem; height: auto; display: block; margin: 0 auto; }
figcaption { color: #5a6474; font-size: .85rem; max-width: 36rem; margin: .2rem auto 0; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86em; }
pre { background: #f5f7fa; padding: .7rem; border-radius: 6px; overflow-x: auto; }
pre code { overflow-wrap: normal; }
.error { color: #b42318; font-weight: 600; } .warning { color: #9a5b00; font-weight: 600; }
nav { font-size: .88rem; } nav a { margin-right: .7rem; white-space: nowrap; }
a { color: #2b6cb0; }
.clip { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4;
  overflow: hidden; }
@media (max-width: 600px) { td.long { min-width: 7rem; }
  .board td, .board td code { white-space: nowrap; } .clip { display: block; } }
@media print { body { max-width: none; font-size: 11pt; padding: 0; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; } nav { display: none; }
  h2 { break-after: avoid; } figure, tr, pre, .answer, .tiles { break-inside: avoid; }
  .wide, pre { overflow: visible; } pre { white-space: pre-wrap; } .clip { display: block; }
  pre code { overflow-wrap: anywhere; } figure img, figcaption { max-width: 30rem; }
  .board th, .board td { padding: .2rem .3rem; white-space: normal; }
  .board .n { white-space: nowrap; } .board td.long { min-width: 0; font-size: .76rem; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Args:
        title: Plain text.
        parts: HTML; an empty section is left out.
    """

    title: str
    parts: Sequence[str]

    @property
    def anchor(self) -> str:
        """What the table of contents links to."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def text(value: object) -> str:
    """Gives text as HTML; control characters and lone surrogates become visible."""
    plain = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in str(value))
    return html.escape(plain, quote=True)


def number(value: object, digits: int = 4) -> str:
    """Gives a number for people; ``-`` when there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "-" if value is None or isinstance(value, float) else text(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def paragraph(content: str, kind: str = "") -> str:
    """Gives a paragraph of HTML; `kind` is a class of the style sheet."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{content}</p>"


def code(content: object) -> str:
    """Gives inline code."""
    return f"<code>{text(content)}</code>"


def block(lines: Iterable[str]) -> str:
    """Gives a block of code."""
    return f"<pre><code>{html.escape(chr(10).join(lines))}</code></pre>"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Sequence[int] = (),
    long: Sequence[int] = (),
    lead: int | None = None,
    kind: str = "",
) -> str:
    """Gives a table that scrolls by itself when it is wider than the page.

    Args:
        header: Plain text.
        rows: HTML of the cells.
        numeric: Positions of columns that are aligned to the right.
        long: Positions of columns that hold long text.
        lead: Position of the row that stands out, or None.
        kind: A class of the style sheet.
    """
    kinds = {**dict.fromkeys(numeric, ' class="n"'), **dict.fromkeys(long, ' class="long"')}

    def cells(row: Iterable[str], tag: str) -> str:
        return "".join(f"<{tag}{kinds.get(i, '')}>{cell}</{tag}>" for i, cell in enumerate(row))

    body = "".join(
        f"<tr{' class=lead' if i == lead else ''}>{cells(row, 'td')}</tr>"
        for i, row in enumerate(rows)
    )
    head = cells([text(name) for name in header], "th")
    rows_text = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide {kind}"><table>{rows_text}</table></div>'


def clipped(content: str) -> str:
    """Gives HTML without tags that shows four lines on a screen, and all when pointed at."""
    return f'<div class="clip" title="{content}">{content}</div>'


def bar(share: float) -> str:
    """Gives a bar as long as a share of 1 says."""
    return f'<div class="bar"><div style="width:{100 * share:.0f}%"></div></div>'


def tiles(items: Mapping[str, str]) -> str:
    """Gives numbers in boxes: HTML by plain label."""
    boxes = "".join(f"<li><b>{value}</b><span>{text(k)}</span></li>" for k, value in items.items())
    return f'<ul class="tiles">{boxes}</ul>'


def figure(svg: str, caption: str, alt: str) -> str:
    """Gives a figure. As an image, its ids cannot clash with those of another one.

    Args:
        svg: The drawing.
        caption: HTML.
        alt: Plain text of what is seen, for who cannot see it.
    """
    data = base64.b64encode(svg.encode()).decode()
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="{text(alt)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def page(title: str, head: Sequence[str], sections: Sequence[Section]) -> str:
    """Gives the whole file.

    Args:
        title: Plain text.
        head: HTML before the table of contents.
        sections: What follows; those without parts are left out.
    """
    shown = [section for section in sections if section.parts]
    links = "".join(f'<a href="#{s.anchor}">{text(s.title)}</a>' for s in shown)
    body = "".join(
        f'<section id="{s.anchor}"><h2>{text(s.title)}</h2>{"".join(s.parts)}</section>'
        for s in shown
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing is fetched from anywhere, not even an icon.
        '<link rel="icon" href="data:,">'
        f"<title>{text(title)}</title><style>{_CSS}</style></head><body>"
        f"{''.join(head)}<nav>{links}</nav>{body}</body></html>\n"
    )
