"""The report as PDF: a first page to forward, sections and tables, then a page a product with its figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    HRFlowable,
    KeepInFrame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus import Table as Grid

from assistant.facts import count, day
from assistant.report.document import Document, Indicator, Page, Section
from assistant.report.document import Table as DocumentTable
from assistant.report.pdf_figures import curve_figure, sales_figure
from assistant.report.pdf_fonts import is_chinese, markup, runs, width
from assistant.report.pdf_tables import INK, QUIET, Printed, printed
from assistant.report.whole_file import whole_file
from assistant.wording import Wording, wording

WORDS = "pdf.toml"
MARGIN, NARROW, FOOT = 16 * mm, 10 * mm, 18 * mm
"""Around the text of a portrait and of a landscape page, in points; the foot holds the page's number."""
UPRIGHT, ACROSS = A4[0] - 2 * MARGIN, A4[1] - 2 * NARROW
"""Width of the text on a portrait and on a landscape page, in points."""
LOCALES = {"en": "en-US", "zh": "zh-CN"}
TONES = {"good": "#00704F", "bad": "#B03A00", "warning": "#8A5A00", None: INK}
CARDS = 4
"""Indicators in a row."""
FIGURE_HEIGHT = 170.0
"""Of a product's figures, in points."""
SMALLEST = 0.85
"""How far a product's facts shrink, so that they end on its page."""
SHORT = 15
"""Rows of a table that stays on one page."""
ROOM_BELOW = 90.0
"""What must be left on a page under a heading, in points; else it begins the next."""


def write_pdf(document: Document, path: Path, *, pages: int) -> None:
    """Print the report on A4, the same bytes for the same document.

    Tables are printed to `pdf_tables.ROWS` rows, and say so where they have more. Memory grows with what is
    printed, not with the catalogue.

    Parameters
    ----------
    pages
        Most products that get a page of their own, those with the largest expected gain.

    Raises
    ------
    OSError
        As writing raises it; `pdf_fonts.FontMissing` where a font is not where it was installed.
    """
    with whole_file(path) as part, part.open("wb") as file:
        _Printer(document, file).build(list(_story(document, pages)))


class _Printer(BaseDocTemplate):
    """Pages with a foot, bookmarks, and the document's own date and language."""

    def __init__(self, document: Document, file: Any) -> None:
        super().__init__(
            file,
            pagesize=A4,
            invariant=1,
            pageCompression=1,
            title=document.title,
            subject=document.subtitle,
            author="Pricing Assistant",
            creator="Pricing Assistant",
            lang=LOCALES[document.language],
        )
        self._document, self._words = document, wording(document.language, WORDS)
        self.addPageTemplates(
            [
                PageTemplate(
                    id=name,
                    pagesize=size,
                    frames=[
                        Frame(
                            margin, FOOT, size[0] - 2 * margin, size[1] - margin - FOOT,
                            leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
                        )
                    ],
                    onPage=self._foot,
                )
                for name, size, margin in (("upright", A4, MARGIN), ("across", landscape(A4), NARROW))
            ]
        )  # fmt: skip

    def _makeCanvas(self, *args: Any, **options: Any) -> Canvas:
        canvas = super()._makeCanvas(*args, **options)
        made = datetime.fromisoformat(self._document.made_at).astimezone(UTC)
        canvas.setDateFormatter(lambda *_: f"D:{made:%Y%m%d%H%M%S}+00'00'")
        canvas.showOutline()
        return canvas

    def _foot(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        """Whose report it is, and `Page 3 of 12`: the 12 is drawn last, when it is known."""
        canvas.saveState()
        canvas.setFillColor(HexColor(QUIET))
        left = NARROW if canvas._pagesize[0] > canvas._pagesize[1] else MARGIN
        right = canvas._pagesize[0] - left
        before, after = self._words("page", page=canvas.getPageNumber(), pages="\0").split("\0")
        room = width(f"0000{after}", 7.5)
        _line(canvas, right - room - width(before, 7.5), 10 * mm, before, 7.5)
        canvas.translate(right - room, 10 * mm)
        canvas.doForm("pages")
        canvas.translate(room - right, -10 * mm)
        name = " · ".join(it for it in (self._document.title, self._document.subtitle) if it)
        while width(name, 7.5) > right - left - room - 80:
            name = f"{name[:-2]}…"
        _line(canvas, left, 10 * mm, name, 7.5)
        canvas.restoreState()


class _Bookmark(Flowable):
    """Where an entry of the bookmarks, or a link, leads to: to what comes next."""

    def __init__(self, title: str, anchor: str, level: int) -> None:
        super().__init__()
        self.title, self.anchor, self.level = title, anchor, level
        self.width = self.height = 0

    def draw(self) -> None:
        self.canv.bookmarkHorizontal(self.anchor, 0, 12)
        self.canv.addOutlineEntry(self.title, self.anchor, self.level, closed=self.level == 0)


class _PageCount(Flowable):
    """Drawn last: the number of pages, and what the language says after it, for every foot."""

    def __init__(self, after: str) -> None:
        super().__init__()
        self._after = after
        self.width = self.height = 0

    def draw(self) -> None:
        pages = f"{self.canv.getPageNumber()}{self._after}"
        self.canv.beginForm("pages")
        self.canv.setFillColor(HexColor(QUIET))
        _line(self.canv, 0, 0, pages, 7.5)
        self.canv.endForm()


def _line(canvas: Canvas, x: float, y: float, text: str, size: float) -> None:
    for face, part in runs(text):
        canvas.setFont(face, size)
        canvas.drawString(x, y, part)
        x += width(part, size)


def _style(
    size: float,
    words: str,
    *,
    colour: str = INK,
    before: float = 0.0,
    after: float = 3.0,
) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName="Helvetica",
        fontSize=size,
        leading=1.35 * size,
        textColor=HexColor(colour),
        spaceBefore=before,
        spaceAfter=after,
        wordWrap="CJK" if is_chinese(words) else None,
    )


def _text(words: str, size: float = 9.5, *, bold: bool = False, **style: Any) -> Paragraph:
    return Paragraph(markup(words, bold=bold), _style(size, words, **style))


def _heading(title: str, anchor: str, level: int, size: float) -> Iterator[Flowable]:
    yield CondPageBreak(ROOM_BELOW + 2 * size)
    yield _Bookmark(title, anchor, level)
    yield _text(title, size, bold=True, before=12, after=4)


def _story(document: Document, pages: int) -> Iterator[Flowable]:
    """Everything that is printed, in order."""
    words = wording(document.language, WORDS)
    products = list(islice(document.pages, pages))
    links = {page.id: f"product-{place}" for place, page in enumerate(products)}
    yield _text(document.title, 22, bold=True, after=2)
    about = [document.subtitle, words("made", date=day(document.made_at, document.language))]
    yield _text(" · ".join(it for it in about if it), 10, colour=QUIET, after=6)
    yield HRFlowable(width="100%", thickness=1.2, color=HexColor("#0072B2"), spaceAfter=4)
    lies = "upright"
    for place, section in enumerate(document.sections):
        tables = [
            (
                it,
                printed(
                    it, document.language, document.currency, upright=UPRIGHT, across=ACROSS, links=links
                ),
            )
            for it in section.tables
        ]
        wanted = "across" if any(it.wide for _, it in tables) else "upright"
        if place and wanted != lies:
            yield from (NextPageTemplate(wanted), PageBreak(wanted))
            lies = wanted
        yield from _section(section, f"section-{place}", first=place == 0, across=lies == "across")
        if wanted != lies:  # the first section's words stay on the first page
            yield from (NextPageTemplate(wanted), PageBreak(wanted))
            lies = wanted
        for table, it in tables:
            yield from _table(table, it, words)
    yield from _products(document, products, links, words)
    yield _PageCount(words("page", page=1, pages="\0").split("\0")[1])


def _section(section: Section, anchor: str, *, first: bool, across: bool) -> Iterator[Flowable]:
    yield from _heading(section.title, anchor, 0, 14)
    for sentence in section.sentences:
        yield _text(sentence, 11 if first else 9.5, after=5 if first else 3)
    if section.indicators:
        yield Spacer(0, 4)
        yield _cards(section.indicators, ACROSS if across else UPRIGHT)
        yield Spacer(0, 8)


def _cards(indicators: tuple[Indicator, ...], room: float) -> Flowable:
    """Large figures, each with its name under it."""
    cells = [
        [
            _text(it.value, 15, bold=True, colour=TONES[it.tone], after=1),
            _text(it.label, 8, colour=QUIET, after=0),
            *([_text(it.note, 7, colour=QUIET, after=0)] if it.note else []),
        ]
        for it in indicators
    ]
    across = min(CARDS, len(cells))
    rows = [cells[start : start + across] for start in range(0, len(cells), across)]
    rows[-1] += [[] for _ in range(across - len(rows[-1]))]
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEABOVE", (0, 0), (-1, -1), 1.2, HexColor("#C9D2DB")),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 8),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
    ]
    return Grid(rows, colWidths=[room / across] * across, style=style, hAlign="LEFT")


def _table(table: DocumentTable, it: Printed, words: Wording) -> Iterator[Flowable]:
    said = [
        table.note,
        words("interval") if it.has_intervals else "",
        words("same", columns=words("and").join(it.same)) if it.same else "",
        words("rows", shown=count(it.shown, words.language)) if it.more else "",
    ]
    note = words("between").join(part for part in said if part)
    parts: list[Flowable] = [_text(table.title, 10.5, bold=True, before=8, after=2)]
    if note:
        parts.append(_text(note, 7.5, colour=QUIET, after=4))
    parts.append(it.flowable or _text(words("no_rows"), 8.5, colour=QUIET))
    if it.shown <= SHORT:
        yield KeepTogether(parts)
    else:
        yield CondPageBreak(ROOM_BELOW)
        yield from parts
    yield Spacer(0, 8)


def _products(
    document: Document, products: list[Page], links: dict[str, str], words: Wording
) -> Iterator[Flowable]:
    """How many of how many follow, then a page each."""
    yield from (NextPageTemplate("upright"), PageBreak("upright"))
    yield from _heading(words("products"), "products", 0, 14)
    shown, every = (count(it, document.language) for it in (len(products), document.page_count))
    which = "one_product" if len(products) == 1 else "some_products"
    if shown == every or not products:
        which = "all_products" if products else "no_products"
    yield _text(words(which, shown=shown, all=every))
    for place, page in enumerate(products):
        if place:
            yield PageBreak()
        yield from _heading(page.title, links[page.id], 1, 13)
        if page.id not in page.title:
            yield _text(page.id, 8, colour=QUIET, after=4)
        for sentence in page.sentences:
            yield _text(sentence, 9, after=2)
        yield Spacer(0, 6)
        yield from _figures(page, document)
        yield from _facts(page)


def _figures(page: Page, document: Document) -> Iterator[Flowable]:
    size = {"width": UPRIGHT / 2 - 6, "height": FIGURE_HEIGHT}
    drawn = [draw(page, document.language, **size) for draw in (curve_figure, sales_figure)]
    there = [it for it in drawn if it is not None]
    if there:
        flush = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
        yield Grid([there], colWidths=[UPRIGHT / 2] * len(there), style=flush, hAlign="LEFT")
        yield Spacer(0, 8)


def _facts(page: Page) -> Iterator[Flowable]:
    """Every fact behind the sentences, two beside each other."""
    if not page.facts:
        return
    ranges = {it.id.removesuffix("_range"): it.value for it in page.facts if it.key.endswith("_range")}
    cells = []
    for it in page.facts:
        if it.key.endswith("_range") and any(it.id == f"{other.id}_range" for other in page.facts):
            continue  # beside its number
        value = f"{it.value}   ({ranges[it.id]})" if it.id in ranges else it.value
        cells.append([_text(it.label, 7, colour=QUIET, after=0), _text(value, 7, after=0)])
    half = (len(cells) + 1) // 2
    beside = [*cells[half:], *([["", ""]] if len(cells) % 2 else [])]
    rows = [[*left, "", *right] for left, right in zip(cells[:half], beside, strict=True)]
    gap = 10.0
    label = value = (UPRIGHT - gap) / 4
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LINEBELOW", (0, 0), (1, -1), 0.4, HexColor("#DDE2E7")),
        ("LINEBELOW", (3, 0), (4, -1), 0.4, HexColor("#DDE2E7")),
    ]
    grid = Grid(rows, colWidths=[label, value, gap, label, value], style=style, hAlign="LEFT")
    # A little smaller rather than its last row on a page of its own.
    _, height = grid.wrap(UPRIGHT, 0)
    yield CondPageBreak(SMALLEST * height)
    yield KeepInFrame(UPRIGHT, 0, [grid], mode="shrink")
