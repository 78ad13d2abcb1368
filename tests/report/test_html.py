"""The HTML report: all of the document's numbers, nothing of the data's markup, nothing loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tracemalloc
import zlib
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assistant.facts import Fact
from assistant.report.document import Column, Document, Indicator, Page, Section, Table, interval, text
from assistant.report.html import ROWS, ROWS_PACKED, write_html
from assistant.wording import LANGUAGES, Language
from tests.report.large_report import Reread, large
from tests.report.sample_report import COLUMNS, document, page
from tests.report.sample_report import ROWS as SAMPLE_ROWS

HOSTILE = "\"'><img src=x onerror=alert(1)></script></style><!--&lt;"
ROOT = Path(__file__).parents[2]


class Reader(HTMLParser):
    """Tags in order, the cells of each table, and the texts of scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.tables: dict[str, list[list[tuple[str, str]]]] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self._cell: list[str] | None = None
        self._small = False
        self._rows: list[list[tuple[str, str]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "table":
            self._rows = self.tables.setdefault(given.get("id") or "", [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = ["", ""]
        elif tag == "small":
            self._small = True
        elif tag == "script":
            self.scripts.append((given, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            shown, beside = self._cell
            self._rows[-1].append((shown[:-1] if beside else shown, beside))
            self._cell = None
        elif tag == "small":
            self._small = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._cell is not None:
            self._cell[self._small] += data
        elif self.lasttag == "script" and self.scripts:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)


def written(report: Document, tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    write_html(report, path)
    return path.read_text(encoding="utf-8")


def unpacked(packed: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(packed), wbits=-15))


def of_one_table(size: int, language: Language = "en") -> Document:
    """A report of one table and no pages."""
    report = large(size, language)
    return replace(report, sections=report.sections[:2], pages=(), page_count=0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_is_in_the_page_as_markup_or_packed(language: Language, tmp_path: Path) -> None:
    # One row more than the markup and two blocks hold.
    report = of_one_table(ROWS + 2 * ROWS_PACKED + 1, language)
    table = report.table("actions")
    read = Reader(written(report, tmp_path))
    found = read.tables["table-actions"][1:]
    assert len(found) == ROWS
    for given, packed in read.scripts:
        if "data-rows" not in given:
            continue
        for _, *cells in unpacked(packed):
            found.append([(it, "") if isinstance(it, str) else (it[0], (*it, "")[2]) for it in cells])
    assert found == [
        [
            (text(it, values, language, report.currency), interval(it, values, language, report.currency))
            for it in table.columns
        ]
        for values in table.rows
    ]


def test_rows_are_sorted_by_their_numbers_and_lead_to_their_pages(tmp_path: Path) -> None:
    source = written(document(), tmp_path)
    assert 'data-v="1234.5">$1,234.50</td>' in source
    assert '<a href="#product-MUG%40%E5%8C%97%E4%BA%AC">' in source
    assert 'id="product-MUG%40%E5%8C%97%E4%BA%AC"' in source


def _named(word: str) -> Document:
    """A report in which everything that can come from data is the same word."""
    fact = Fact(f"{word}.price", "price", word, word, 1.0, "USD")
    made = replace(page(dict(SAMPLE_ROWS[0])), id=word, title=word, sentences=(word,), facts=(fact,))
    values = {**SAMPLE_ROWS[0], "page": word} | {
        it.key: word for it in COLUMNS if it.kind in ("text", "code")
    }
    # Enough rows and pages that some of them are packed.
    table = Table(
        id="actions",
        title=word,
        columns=tuple(replace(it, label=word) for it in COLUMNS),
        rows=[values] * (ROWS + 1),
        note=word,
    )
    shown = Indicator(label=word, value=word, note=word)
    return replace(
        document(),
        title=word,
        subtitle=word,
        sections=(Section(id="a", title="A", sentences=(word, word), indicators=(shown,), tables=(table,)),)
        * 2,
        pages=[made] * 51,
        page_count=51,
        manifest={word: [word]},
    )


def test_nothing_from_data_is_ever_markup(tmp_path: Path) -> None:
    # Two words that differ in length only by chance: the marked-up page is the same tag by tag.
    harmless, hostile = (written(_named(word), tmp_path) for word in ("x" * 40, HOSTILE))
    assert Reader(hostile).tags == Reader(harmless).tags
    assert "img" not in Reader(hostile).tags
    assert hostile.count(escape(HOSTILE)) > ROWS
    packed = [
        unpacked(it) for given, it in Reader(hostile).scripts if "data-pages" in given and it
    ]  # put into the page as it is
    for _, _, markup in packed[0]:
        assert "img" not in Reader(markup).tags
        assert escape(HOSTILE) in markup


def test_the_page_may_load_nothing_and_names_what_may_run(tmp_path: Path) -> None:
    source = written(document(), tmp_path)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', source)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    for tag in ("script", "style"):
        [inline] = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert not re.search(r"https?://|url\(|@import|\ssrc=|\sstyle=|\son[a-z]+=", source)


def test_the_same_report_is_the_same_bytes(tmp_path: Path) -> None:
    assert written(large(60), tmp_path) == written(large(60), tmp_path)


def test_a_report_that_breaks_off_leaves_the_earlier_one(tmp_path: Path) -> None:
    written(document(), tmp_path)
    before = (tmp_path / "report.html").read_bytes()

    def breaks(place: int) -> Page:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        written(replace(document(), pages=Reread(3, breaks)), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert [it.name for it in tmp_path.iterdir()] == ["report.html"]


def test_memory_does_not_grow_with_the_catalogue(tmp_path: Path) -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        try:
            write_html(of_one_table(size), tmp_path / "report.html")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(5000) < 1.2 * peak(2000)


@pytest.mark.parametrize("language", LANGUAGES)
def test_headings_are_in_order_and_tables_are_named(language: Language, tmp_path: Path) -> None:
    read = Reader(written(large(3, language), tmp_path))
    levels = [int(tag[1]) for tag in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert read.tags.count("caption") == read.tags.count("table")
    assert read.tags.count("title") - 1 == read.tags.count("desc") == 6  # of three products' two figures
    assert {"header", "nav", "main"} <= set(read.tags)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_texts_stand_out_from_the_page_in_light_and_dark() -> None:
    # WCAG 2.2, 1.4.3: at least 4.5 to 1 for text.
    style = (ROOT / "assistant/report/report.css").read_text(encoding="utf-8")
    for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]:
        found = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})\b", block))
        colours = {
            name: it if len(it) == 7 else "#" + "".join(2 * x for x in it[1:]) for name, it in found.items()
        }
        for back in ("page", "sheet", "tint"):
            for ink in ("ink", "quiet", "accent", "good", "bad", "warning", "suggested", "now"):
                light, dark = sorted((_luminance(colours[ink]), _luminance(colours[back])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back, block[:40])


def test_a_report_without_products_is_still_a_page(tmp_path: Path) -> None:
    empty = Table(id="actions", title="What to do", columns=COLUMNS, rows=())
    report = replace(
        document(),
        sections=(Section(id="a", title="A", tables=(empty,)),),
        pages=(),
        page_count=0,
        manifest={},
    )
    read = Reader(written(report, tmp_path))
    assert len(read.tables["table-actions"]) == 1
    assert "details" not in read.tags


def test_a_column_of_unknown_numbers_is_empty(tmp_path: Path) -> None:
    table = Table(
        id="t",
        title="T",
        columns=(Column(key="a", label="A"), Column(key="b", label="B", kind="total", low="c", high="d")),
        rows=({"a": "x", "b": float("nan"), "c": None, "d": 1.0},),
    )
    report = replace(
        document(), sections=(Section(id="a", title="A", tables=(table,)),), pages=(), page_count=0
    )
    assert '<tr><th scope="row">x</th><td class="n"></td></tr>' in written(report, tmp_path)
