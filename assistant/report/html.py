"""The report as one HTML page that opens from disk, needs no network and may load nothing.

Tables and product pages are plain markup as far as one reads on paper; what lies beyond is packed into data
blocks that the page's script unpacks, so that ten thousand products open at once. The script adds search,
filters, sorting and pages to the tables; without it what is marked up can still be read and printed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import tomllib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import prompts
from assistant.facts import Fact, count, day, money
from assistant.report.document import Column, Document, Indicator, Page, Row, Section, Table, interval, text
from assistant.report.figure_svg import outcome_figure, past_figure
from assistant.report.whole_file import whole_file
from assistant.wording import Language, Wording, wording

TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}
ROWS, ROWS_PACKED = 300, 1000
"""Rows of a table as markup, and in one data block after them."""
PAGES, PAGES_PACKED = 50, 50
"""Product pages as markup, and in one data block after them."""
MOST_PAGES = 10_000
"""Product pages in all: more would make a file that nobody can open or send."""
NARROW, WIDE = 4, 8
"""Columns up to which a table is kept together, and above which it is printed across."""
CARDS = 3
"""Columns up to which a phone shows a table as one; it makes a card of each row of a wider one."""
FILTERED = frozenset(["action", "status", "confidence", "rule", "category", "store", "state", "position"])
LISTED = frozenset(["risk", "missing"])
"""Columns that rows are filtered by: by the whole cell, or by one of the phrases listed in it."""
LONG: Mapping[Language, int] = {"en": 24, "zh": 12}
"""Letters above which a text is given a wide column; Chinese ones are twice as wide."""
SIGNED = re.compile(r"(?<![A-Za-z0-9])[-+][A-Z]{0,3}[$¥€£₹₩]?\u00a0?\d(?:[\d.,]*\d)?%?")
"""A number with its sign, which a line would otherwise end on; `report.js` has the same."""


def write_html(document: Document, path: Path) -> None:
    """Write the report as one self-contained HTML file, row by row.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for piece in _document(document):
            file.write(piece)


def page_anchor(id: str) -> str:
    """The fragment of a product's page, e.g. `product-MUG%40Berlin`."""
    return f"product-{quote(id, safe='')}"


def _document(document: Document) -> Iterator[str]:
    language = document.language
    words = wording(language, "report_page.toml")
    style, script = (
        (files("assistant.report") / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )
    style += _labels(document)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{document.title} – {document.subtitle}" if document.subtitle else document.title
    yield (
        f'<!DOCTYPE html>\n<html lang="{TAGS[language]}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#report">{escape(words("page.skip"))}</a>\n'
    )
    yield _head(document, words)
    yield _contents(document, words)
    yield '<main id="report" tabindex="-1">\n'
    for place, section in enumerate(document.sections):
        yield from _section(section, document, words, first=place == 0)
    if document.page_count:
        yield from _products(document, words)
    controls = tomllib.loads(prompts.load(language, "report_page.toml"))["controls"]
    yield f'</main>\n<script type="application/json" id="words">{_json(controls)}</script>\n'
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _labels(document: Document) -> str:
    """The style that names a card's values: once a table, where an attribute of each cell would be long."""
    rules = [
        f"#table-{table.id} td:nth-child({place})::before {{ content: {_css(column.label)}; }}\n"
        for section in document.sections
        for table in section.tables
        if len(table.columns) > CARDS
        for place, column in enumerate(table.columns[1:], start=2)
    ]
    return f"@media screen and (max-width: 760px) {{\n{''.join(rules)}}}\n" if rules else ""


def _head(document: Document, words: Wording) -> str:
    made = datetime.fromisoformat(document.made_at)
    when = words(
        "page.made",
        date=day(document.made_at, document.language),
        time=made.strftime("%H:%M"),
        zone=str(made.tzinfo),
    )
    return (
        f"<header>\n<h1>{escape(document.title)}</h1>\n<p><b>{escape(document.subtitle)}</b>"
        f'<time datetime="{escape(document.made_at)}">{escape(when)}</time></p>\n</header>\n'
    )


def _contents(document: Document, words: Wording) -> str:
    names = [(section.id, section.title) for section in document.sections]
    if document.page_count:
        names.append(("products", words("page.products")))
    links = "".join(f'<li><a href="#{escape(id)}">{escape(title)}</a></li>' for id, title in names)
    return f'<nav aria-label="{escape(words("page.contents"))}"><ul>{links}</ul></nav>\n'


def _section(section: Section, document: Document, words: Wording, *, first: bool) -> Iterator[str]:
    """A section; the first one's sentences are one paragraph, which is what is read if nothing else is."""
    wide = any(len(table.columns) > WIDE for table in section.tables)
    kind = ' class="lead"' if first else ' class="wide"' if wide else ""
    name = escape(section.id)
    yield (
        f'<section id="{name}"{kind} aria-labelledby="{name}-title">\n'
        f'<h2 id="{name}-title">{escape(section.title)}</h2>\n'
    )
    sentences = [_whole(sentence) for sentence in section.sentences]
    if first and sentences:
        yield f"<p>{('' if document.language == 'zh' else ' ').join(sentences)}</p>\n"
    elif len(sentences) == 1:
        yield f"<p>{sentences[0]}</p>\n"
    elif sentences:
        yield f'<ul class="points">{"".join(f"<li>{it}</li>" for it in sentences)}</ul>\n'
    if section.indicators:
        yield f'<dl class="indicators">{"".join(map(_indicator, section.indicators))}</dl>\n'
    for table in section.tables:
        yield from _table(table, document, words, titled=table.title != section.title)
    yield "</section>\n"


def _indicator(indicator: Indicator) -> str:
    tone = f' class="{indicator.tone}"' if indicator.tone else ""
    note = f'<dd class="note">{_whole(indicator.note)}</dd>' if indicator.note else ""
    return f"<div{tone}><dt>{escape(indicator.label)}</dt><dd>{escape(indicator.value)}</dd>{note}</div>"


def _table(table: Table, document: Document, words: Wording, *, titled: bool) -> Iterator[str]:
    """The first rows as markup, the others in data blocks: JSON, deflated, in base64."""
    name = escape(table.id)
    if titled:
        yield f"<h3>{escape(table.title)}</h3>\n"
    language = document.language
    heads = "".join(
        f'<th scope="col" data-kind="{column.kind}"{_filter(column, language)}{_class(column, language)}>'
        f"{escape(column.label)}</th>"
        for column in table.columns
    )
    shape = " wide" if len(table.columns) > WIDE else " narrow" if len(table.columns) <= NARROW else ""
    shape += " cards" if len(table.columns) > CARDS else ""
    yield (
        f'<div class="scroll{shape}" role="region" tabindex="0" aria-label="{escape(table.title)}">'
        f'<table id="table-{name}"><caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    )
    rows = iter(table.rows)
    for row in islice(rows, ROWS):
        yield _row(table.columns, row, document)
    yield "</tbody></table></div>\n"
    total = ROWS
    while block := list(islice(rows, ROWS_PACKED)):
        cells = [[_anchor(row), *(_short(_cell(it, row, document)) for it in table.columns)] for row in block]
        total += len(block)
        yield f'<script type="application/octet-stream" data-rows="{name}">{_packed(cells)}</script>\n'
    if total > ROWS:
        shown, of = count(ROWS, document.language), count(total, document.language)
        note = escape(words("page.first_rows", shown=shown, count=of))
        yield f'<noscript><p class="note">{note}</p></noscript>\n'
    notes = [table.note] if table.note else []
    if any(column.low for column in table.columns):
        notes.append(words("page.interval"))
    if notes:
        joined = ("" if document.language == "zh" else " ").join(notes)
        yield f'<p class="note">{escape(joined)}</p>\n'


def _row(columns: Sequence[Column], row: Row, document: Document) -> str:
    """The markup of one row; `report.js` makes the same of a packed one."""
    parts, anchor = [], _anchor(row)
    for place, column in enumerate(columns):
        shown, value, beside = _cell(column, row, document)
        inner = _whole(shown)
        if place == 0 and anchor:
            inner = f'<a href="#{anchor}">{escape(shown)}</a>'
        if beside:
            inner += f" <small>{_whole(beside)}</small>"
        data = "" if value is None else f' data-v="{value!r}"'
        if place == 0:
            parts.append(f'<th scope="row"{_class(column, document.language, shown)}{data}>{inner}</th>')
        else:
            parts.append(f"<td{_class(column, document.language, shown)}{data}>{inner}</td>")
    return f"<tr>{''.join(parts)}</tr>\n"


def _cell(column: Column, row: Row, document: Document) -> tuple[str, float | int | None, str]:
    """A cell's text, the number it is sorted by (None: its text) and its interval."""
    value = row.get(column.key)
    number = value if isinstance(value, int | float) and math.isfinite(value) else None
    shown = text(column, row, document.language, document.currency)
    if isinstance(value, str) and column.kind == "date":
        number = datetime.fromisoformat(value).toordinal()
    return shown, number, interval(column, row, document.language, document.currency)


def _anchor(row: Row) -> str:
    """Of the page that a row leads to; empty where it has none."""
    page = row.get("page")
    return "" if page is None else page_anchor(str(page))


def _short(cell: tuple[str, float | int | None, str]) -> object:
    """A cell as it is packed: without what it lacks."""
    shown, value, beside = cell
    return [shown, value, beside] if beside else shown if value is None else [shown, value]


def _filter(column: Column, language: Language) -> str:
    """How a column's cells are parted into what rows are filtered by; nothing where they are not."""
    if column.key in LISTED:
        between = wording(language, "report.toml")("join.semicolon")
        return f' data-filter="{escape(between)}"'
    return ' data-filter=""' if column.key in FILTERED else ""


def _class(column: Column, language: Language, shown: str = "") -> str:
    """Numbers to the right; codes on one line; long texts with room."""
    if column.kind not in ("text", "code"):
        return ' class="n"'
    name = "code" if column.kind == "code" else "long" if len(shown) > LONG[language] else ""
    return f' class="{name}"' if name else ""


def _products(document: Document, words: Wording) -> Iterator[str]:
    """The first pages as markup, one fold each, the others in data blocks that name what they hold."""
    in_all = min(document.page_count, MOST_PAGES)
    shown, held = count(min(PAGES, in_all), document.language), count(in_all, document.language)
    yield (
        '<section id="products" aria-labelledby="products-title">\n'
        f'<h2 id="products-title">{escape(words("page.products"))}</h2>\n'
    )
    said = "page.products_all" if in_all <= PAGES else "page.products_first"
    yield f'<p class="note">{escape(words(said, shown=shown, count=held))}</p>\n'
    if document.page_count > MOST_PAGES:
        of = count(document.page_count, document.language)
        yield f'<p class="note">{escape(words("page.products_left_out", shown=held, count=of))}</p>\n'
    if in_all > PAGES:
        note = words("page.products_noscript", shown=shown, count=held)
        yield f'<noscript><p class="note">{escape(note)}</p></noscript>\n'
    pages = islice(iter(document.pages), in_all)
    for page in islice(pages, PAGES):
        yield (
            f'<details class="product" id="{page_anchor(page.id)}">'
            f"<summary><h3>{escape(page.title)}</h3> <span>{escape(_move(page, words))}</span></summary>\n"
            f"<article>{_page(page, words)}</article></details>\n"
        )
    while block := list(islice(pages, PAGES_PACKED)):
        ids = " ".join(page_anchor(page.id) for page in block)
        packed = _packed([[page.title, _move(page, words), _page(page, words)] for page in block])
        yield f'<script type="application/octet-stream" data-pages="{ids}">{packed}</script>\n'
    yield "</section>\n"


def _move(page: Page, words: Wording) -> str:
    now = money(page.current_price, page.currency, words.language)
    if page.price is None:
        return words("page.unpriced", now=now)
    suggested = money(page.price, page.currency, words.language)
    if suggested == now:
        return words("page.keep", now=now)
    return words("page.move", now=now, suggested=suggested)


def _page(page: Page, words: Wording) -> str:
    """What stands under a product's name: the advice, its facts, its figures."""
    language = words.language
    advice = "".join(f"<p>{_whole(sentence)}</p>" for sentence in page.sentences)
    facts = _facts(page.facts, words)
    outcome, past = outcome_figure(page, language), past_figure(page, language)
    ours = wording(language)
    legend = "".join(
        f'<span class="{kind}">{escape(ours(f"figure.{kind}"))}</span>'
        for kind in ("expected", "band", "known")
    )
    figures = (
        f"<figure>{outcome}<figcaption>{legend}</figcaption></figure>"
        if outcome
        else f'<p class="note">{escape(words("figure.no_curve"))}</p>'
    )
    figures += f"<figure>{past}</figure>" if past else ""
    return f'<div class="figures">{figures}</div><div class="advice">{advice}</div>{facts}'


def _facts(facts: Iterable[Fact], words: Wording) -> str:
    """The page's facts as a table, a range beside the value that it belongs to."""
    found = {fact.id: fact for fact in facts}
    rows = []
    for id, fact in found.items():
        if id.endswith("_range") and id.removesuffix("_range") in found:
            continue
        beside = found.get(f"{id}_range")
        small = f" <small>{_whole(beside.value)}</small>" if beside else ""
        rows.append(f'<tr><th scope="row">{escape(fact.label)}</th><td>{_whole(fact.value)}{small}</td></tr>')
    if not rows:
        return ""
    title = escape(words("page.facts"))
    heads = "".join(f'<th scope="col">{escape(words(key))}</th>' for key in ("page.fact", "page.value"))
    return (
        f'<table class="facts"><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _whole(text: str) -> str:
    """The text as markup, in which no line ends between a number and its sign; it is copied as it is."""
    return SIGNED.sub(r'<span class="whole">\g<0></span>', escape(text))


def _json(value: object) -> str:
    """JSON that no text in it can end: `<` is written as its code."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _css(text: str) -> str:
    """A string of a style sheet that no text in it can end."""
    return '"' + "".join(f"\\{ord(it):x} " if it in '"\\<\n\r\f' else it for it in text) + '"'


def _packed(value: object) -> str:
    """JSON, deflated, in base64: a third of the size, and no text in it means anything to a browser."""
    packer = zlib.compressobj(level=6, wbits=-15)
    packed = packer.compress(_json(value).encode()) + packer.flush()
    return base64.b64encode(packed).decode("ascii")


def _hash(text: str) -> str:
    """The content security policy's name for an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
