"""Markdown as a page shows it: tags are text, formulas are MathML, parts fold away, figures and pages are linked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

FOLD = re.compile(r"<details>\s*<summary>([^<>]+)</summary>")  # what stands before a part that is folded away
NOTE = "Note: "  # what a summary begins with whose part is a note in the margin
CLOSED = "</details>"
PARAGRAPH = r"<p>(?:(?!</?p>|</?details).)*</p>\s*"
NOTED = re.compile(rf'((?:{PARAGRAPH})?)((?:<details class="note">.*?{CLOSED}\s*)+)', re.DOTALL)
FORMULA = r"(?<![$\\])\$(?!\s)(?P<math_inline_tex>[^$]+)(?<![\s\\])\$(?!\d)"  # "$5 and $6" are prices
LINK = re.compile(r"</?a\b[^>]*>")
OF_THE_PAGE = re.compile(r'( id="| href="#)((?:theme|unfold|failed|(?:figure|code|cell)-\d+)")')  # ids it has itself
HEADING_ID = re.compile(r'<h\d id="([^"]+)">')


@dataclass(frozen=True)
class Places:
    """What the text of a page may point to."""

    figures: Mapping[str, int] = field(default_factory=dict)  # {name: number}
    headings: Collection[str] = ()  # ids
    pages: Mapping[str, str] = field(default_factory=dict)  # {name: file} of those beside it


def prose(markdown: str, with_folds: bool = False, places: Places | None = None) -> str:
    """Return Markdown as HTML: tags in it are shown as text, formulas become MathML, which needs no script.

    `with_folds`: what stands between `<details><summary>Text</summary>` and `</details>`, with a blank line after the
    first, is folded away; where the text begins with "Note: ", it is a note in the margin of the paragraph before it.
    That is for an author's words: in a cell's output the name of a class may hold any tag.

    `places`: where links to figures by their names lead to, and names of pages in code.
    """
    if with_folds:
        html = parser(True, places).render(markdown)
        if len(re.findall('<details class="(?:fold|note)">', html)) == html.count(CLOSED):
            return NOTED.sub(r'<div class="noted">\2\1</div>', html)
        # else the rest of the page would fold
    return parser(False, places).render(markdown)


def parser(with_folds: bool, places: Places | None) -> MarkdownWithMath:
    """Return what reads Markdown, for `prose`; a dollar before or after a space, or before a digit, ends no formula."""
    from nbconvert.filters.markdown_mistune import MarkdownWithMath, MathInlineParser

    inline = MathInlineParser(hard_wrap=False)
    inline.specification["inline_math_tex"] = FORMULA
    return MarkdownWithMath(renderer=renderer(with_folds, places), inline=inline)


def renderer(with_folds: bool, places: Places | None) -> IPythonRenderer:
    """Return what makes HTML of Markdown's parts, as `prose` says."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer

    class Renderer(IPythonRenderer):
        """nbconvert's own renderer, but for formulas, tables, links within the run, and what is folded away."""

        def inline_math(self, body: str) -> str:
            return formula(body, "inline")

        def block_math(self, body: str) -> str:
            return formula(body, "block")

        def table(self, text: str) -> str:
            return f'<div class="scroll"><table>\n{text}</table></div>\n'

        def link(self, text: str, url: str, title: str | None = None) -> str:
            target = url.removeprefix("#")
            if places is None or target == url or target in places.headings:
                return super().link(text, url, title)
            return link_to_figure(text, places.figures.get(target))

        def codespan(self, text: str) -> str:
            page = places.pages.get(text) if places else None
            html = super().codespan(text)
            return super().link(html, page) if page else html

        def heading(self, text: str, level: int, **attrs: dict[str, Any]) -> str:
            return OF_THE_PAGE.sub(r"\1part-\2", super().heading(without_links(text), level, **attrs))

        def block_html(self, html: str) -> str:
            opening = FOLD.fullmatch(html.strip()) if with_folds else None
            if opening:
                kind = "note" if opening[1].startswith(NOTE) else "fold"
                return f'<details class="{kind}"><summary>{self.escape_html(opening[1])}</summary>\n'
            if with_folds and html.strip() == CLOSED:
                return f"{CLOSED}\n"
            return super().block_html(html)

    return Renderer(escape=True, allow_harmful_protocols=False)


def formula(latex: str, display: str) -> str:
    """Return a formula as MathML, `display`ed "inline" or as a "block"; as code where it cannot be read."""
    from latex2mathml.converter import convert

    try:
        return convert(latex, display=display)
    except Exception:  # latex2mathml raises errors of its own, and IndexError and others as well
        return f"<code>{escape(latex)}</code>"


def link_to_figure(text: str, number: int | None) -> str:
    """Return a link to a figure with its number: in place of a text that says "figure", else behind it.

    `text` is HTML; it is returned as it is where the page has no such figure.
    """
    if number is None:
        return text
    label = f"Figure {number}"
    if re.search(r"\bfigure\b", text, re.IGNORECASE):
        return f'<a href="#figure-{number}">{label}</a>'
    return f'{text} (<a href="#figure-{number}">{label}</a>)'


def without_links(html: str) -> str:
    """Return HTML whose links are text."""
    return LINK.sub("", html)


def sentence(markdown: str) -> str:
    """Return a sentence in Markdown as HTML without a paragraph around it."""
    html = prose(markdown).strip()
    inner = html.removeprefix("<p>").removesuffix("</p>")
    return html if "<p>" in inner else inner


def heading_ids(headings: Iterable[str]) -> set[str]:
    """Return the ids of headings, each the first line of a text in Markdown."""
    lines = [text.strip().split("\n", 1)[0] for text in headings]
    return {name for line in lines for name in HEADING_ID.findall(prose(line))}
