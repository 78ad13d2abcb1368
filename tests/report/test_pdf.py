"""The PDF holds the document's words and numbers, in fonts that have them, the same bytes each time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from sample_report import COLUMNS, ROWS, document, page

from assistant.facts import Fact
from assistant.report import pdf_fonts
from assistant.report.document import Column, Document, Indicator, Row, Section, Table, interval, text
from assistant.report.entry import Curve
from assistant.report.pdf import write_pdf
from assistant.report.pdf_tables import ROWS as PRINTED_ROWS
from assistant.wording import Language


def printed(report: Document, folder: Path, *, pages: int = 10) -> pdfium.PdfDocument:
    path = folder / "report.pdf"
    write_pdf(report, path, pages=pages)
    return pdfium.PdfDocument(path.read_bytes())


def words_of(pdf: pdfium.PdfDocument) -> str:
    """All text on one line; where lines broke does not matter."""
    return " ".join(" ".join(sheet.get_textpage().get_text_range() for sheet in pdf).split())


def without_blanks(words: str) -> str:
    return "".join(words.split())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_and_number_of_the_document_is_on_paper(language: Language, tmp_path: Path) -> None:
    report = document(language)
    found = without_blanks(words_of(printed(report, tmp_path)))
    for section in report.sections:
        for words in (section.title, *section.sentences, *(it.value for it in section.indicators)):
            assert without_blanks(words) in found
    for row in ROWS:
        for column in COLUMNS:
            assert without_blanks(text(column, row, language, "USD")) in found
            assert without_blanks(interval(column, row, language, "USD")) in found
    for it in report.pages:
        for words in (it.title, *it.sentences, *(fact.value for fact in it.facts)):
            assert without_blanks(words) in found


def test_the_same_document_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write_pdf(document("zh"), tmp_path / name, pages=3)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_the_file_says_what_it_is_when_it_was_made_and_in_which_language(tmp_path: Path) -> None:
    pdf = printed(document("zh"), tmp_path)
    about = pdf.get_metadata_dict()
    assert (about["Title"], about["Subject"]) == ("定价报告", "Sample shop")
    assert about["CreationDate"].startswith("D:20261123080000")
    assert b"zh-CN" in (tmp_path / "report.pdf").read_bytes()
    titles = [it.get_title() for it in pdf.get_toc()]
    assert titles[:3] == ["概要", "Actions", "商品"]
    assert titles[3:] == [row["product"] for row in ROWS]


def test_each_page_says_which_of_how_many_it_is(tmp_path: Path) -> None:
    pdf = printed(document(), tmp_path)
    for place, sheet in enumerate(pdf, start=1):
        assert f"Page {place} of {len(pdf)}" in " ".join(sheet.get_textpage().get_text_range().split())


def fonts_of(pdf: pdfium.PdfDocument) -> dict[str, bool]:
    """The fonts that text is set in, and whether the file brings them along."""
    found = {}
    for sheet in pdf:
        for it in sheet.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_TEXT], max_depth=5):
            font = it.get_font()
            found[font.get_base_name()] = font.is_embedded
    return found


def test_chinese_is_set_in_an_embedded_font(tmp_path: Path) -> None:
    fonts = fonts_of(printed(document("zh"), tmp_path))
    assert [embedded for name, embedded in fonts.items() if "Droid" in name] == [True]
    # A subset: the whole font has 3.4 MB.
    assert (tmp_path / "report.pdf").stat().st_size < 200_000


def test_a_report_in_plain_english_brings_no_font(tmp_path: Path) -> None:
    report = replace(
        document(),
        pages=(),
        page_count=0,
        sections=(Section(id="a", title="A", sentences=("$18.00 – €5 × 2",)),),
    )
    assert not any(fonts_of(printed(report, tmp_path)).values())


def test_one_line_may_mix_scripts_and_what_no_font_has_is_a_box(tmp_path: Path) -> None:
    line = "₹99 − naïve Жук 橡木砧板 도마 🙂 \N{RIGHT-TO-LEFT OVERRIDE}x\x00y"
    faces = {character: face for face, part in pdf_fonts.runs(line) for character in part}
    assert [faces[it] for it in "₹−Ж"] == ["DejaVuSans"] * 3
    assert [faces[it] for it in "ïv9"] == ["Helvetica"] * 3
    assert [faces[it] for it in "橡도"] == ["DroidSansFallback"] * 2
    report = replace(document(), sections=(Section(id="a", title=line, sentences=(line,)),))
    found = words_of(printed(report, tmp_path))
    assert "₹99 − naïve Жук 橡木砧板 도마 □ x y" in found


@pytest.mark.parametrize(
    "hostile", ["<b>bold</b> & <i", "</para><para>", "&amp; &#65;", '<font face="none">x</font>']
)
def test_markup_in_names_stays_text(hostile: str, tmp_path: Path) -> None:
    row = {"product": hostile, "page": hostile, "currency": "USD"}
    table = Table(
        id="t", title=hostile, columns=(Column(key="product", label=hostile),), rows=(row,), note=hostile
    )
    indicator = Indicator(label=hostile, value=hostile, note=hostile)
    fact = Fact("a.b", "b", hostile, hostile, None, "text")
    report = replace(
        document(),
        title=hostile,
        subtitle=hostile,
        sections=(
            Section(id="a", title=hostile, sentences=(hostile,), indicators=(indicator,), tables=(table,)),
        ),
        pages=(replace(page(dict(ROWS[0])), id=hostile, title=hostile, facts=(fact,)),),
    )
    assert without_blanks(words_of(printed(report, tmp_path))).count(without_blanks(hostile)) >= 11


class _Endless:
    """Rows that are made as they are asked for, and how many were."""

    def __init__(self) -> None:
        self.asked = 0

    def __iter__(self) -> Iterator[Row]:
        while True:
            self.asked += 1
            yield dict(ROWS[0]) | {"sku": f"SKU-{self.asked}"}


def test_a_long_table_is_cut_and_says_so_under_a_heading_on_every_page(tmp_path: Path) -> None:
    rows = _Endless()
    table = Table(id="actions", title="What to do", columns=COLUMNS, rows=rows)
    report = replace(document(), sections=(Section(id="a", title="Actions", tables=(table,)),))
    started = time.perf_counter()
    pdf = printed(report, tmp_path)
    assert time.perf_counter() - started < 30
    assert rows.asked == PRINTED_ROWS + 1
    found = words_of(pdf)
    assert f"SKU-{PRINTED_ROWS} " in found and f"SKU-{PRINTED_ROWS + 1} " not in found
    assert f"Printed here are the first {PRINTED_ROWS} rows." in found
    sheets = [sheet.get_textpage().get_text_range() for sheet in pdf]
    lists = [words for words in sheets if "SKU-" in words]
    assert len(lists) > 3 and all("Suggested" in words for words in lists)
    assert "SKU-1 " in " ".join(sheets[0].split()), "the table begins under its heading"


def test_product_pages_stop_where_asked_and_say_of_how_many(tmp_path: Path) -> None:
    found = words_of(printed(document(), tmp_path, pages=1))
    assert "The 1 products" not in found
    assert "The first product follows, of 3 in all" in found
    assert "The price is $18.00 now." in found and "The price is $1,234.50 now." not in found
    assert "all 3 products" in words_of(printed(document(), tmp_path, pages=0))


def test_a_wide_table_lies_across_and_a_narrow_one_does_not(tmp_path: Path) -> None:
    narrow = Table(id="n", title="Narrow", columns=COLUMNS[:3], rows=ROWS)
    wide = Table(id="w", title="Wide", columns=COLUMNS, rows=ROWS)
    sections = tuple(
        Section(id=it.id, title=it.title, tables=(it,))
        for it in (narrow, wide, replace(narrow, title="Again"))
    )
    pdf = printed(replace(document(), sections=sections), tmp_path, pages=0)
    lies = [sheet.get_width() > sheet.get_height() for sheet in pdf]
    assert lies == [False, True, False, False]


@pytest.mark.parametrize("count", [6, 10, 12, 16])
def test_a_chinese_heading_keeps_to_its_column(count: int, tmp_path: Path) -> None:
    labels = ("可卖（周）", "利润变化（每周）", "没有售出（周）", "销售额：价格影响")
    columns = [Column(key=f"c{place}", label=labels[place % 4], kind="count") for place in range(count)]
    row = {"product": "Mug", **{it.key: 77 for it in columns}}
    table = Table(id="t", title="T", columns=(COLUMNS[0], *columns), rows=[row])
    section = Section(id="s", title="S", tables=(table,))
    pdf = printed(replace(document("zh"), sections=(section,), page_count=0, pages=()), tmp_path, pages=0)
    words = next(it for sheet in pdf if "77" in (it := sheet.get_textpage()).get_text_range())

    def boxes(mark: str) -> list[tuple[float, ...]]:
        search, found = words.search(mark), []
        while at := search.get_next():
            found.append(words.get_charbox(at[0], loose=True))
        return found

    begins = sorted(box[0] for label in labels for box in boxes(label[:2]))
    ends = sorted(box[2] for box in boxes("77"))  # of the first digit, in columns that end with their numbers
    assert len(begins) == len(ends) == count
    assert all(begin > end + 8.0 for begin, end in zip(begins[1:], ends, strict=False))


def test_rows_lead_to_the_product_page_that_is_printed(tmp_path: Path) -> None:
    write_pdf(document(), tmp_path / "all.pdf", pages=3)
    write_pdf(document(), tmp_path / "one.pdf", pages=1)
    links = [(tmp_path / f"{name}.pdf").read_bytes().count(b"/Subtype /Link") for name in ("all", "one")]
    assert links == [3, 1]


def test_odd_products_have_their_page(tmp_path: Path) -> None:
    def told(it: Any, **changes: Any) -> Document:
        return replace(document(), pages=(replace(it, **changes),), page_count=1)

    usual = page(dict(ROWS[0]))
    nothing = replace(usual.sales, dates=(), prices=(), units=())
    unknown = replace(usual.sales, units=(None,) * len(usual.sales.dates))
    flat = Curve(prices=(18.0, 18.01), units=(0.0, 0.0), units_low=(0.0, 0.0), units_high=(0.0, 0.0))
    for changes in (
        {"sales": nothing, "curve": None, "facts": ()},
        {"sales": unknown, "unit_cost": None, "currency": None},
        {"curve": flat, "unit_cost": 30.0},
        {"title": "x" * 3000, "sentences": ("橡木" * 2000,)},
    ):
        assert len(printed(told(usual, **changes), tmp_path)) >= 3


def test_the_facts_of_a_product_stand_on_one_page(tmp_path: Path) -> None:
    usual = page(dict(ROWS[0]))
    for many in range(40, 100, 6):
        facts = tuple(
            Fact(f"x.f{n}", f"f{n}", f"Fact number {n}", str(n), float(n), "count") for n in range(many)
        )
        report = replace(document(), pages=(replace(usual, facts=facts),), page_count=1)
        sheets = [sheet.get_textpage().get_text_range() for sheet in printed(report, tmp_path)]
        assert sum("Fact number" in words for words in sheets) == 1, many


def test_a_cell_longer_than_a_page_goes_on_on_the_next(tmp_path: Path) -> None:
    rows = (dict(ROWS[0]) | {"product": "long " * 6000 + "END"}, ROWS[1])
    table = Table(id="actions", title="What to do", columns=COLUMNS, rows=rows)
    report = replace(document(), sections=(Section(id="a", title="Actions", tables=(table,)),))
    found = words_of(printed(report, tmp_path, pages=0))
    assert found.count("long") == 6000 and "END" in found and "$1,300.00" in found


def test_a_missing_font_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf_fonts._glyphs.cache_clear()
    monkeypatch.setattr(pdf_fonts, "files", lambda _: tmp_path / "gone")
    with pytest.raises(pdf_fonts.FontMissing, match=r"DroidSansFallback\.ttf is missing .* Reinstall"):
        write_pdf(document("zh"), tmp_path / "report.pdf", pages=1)
    assert list(tmp_path.iterdir()) == []
    pdf_fonts._glyphs.cache_clear()


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    write_pdf(document(), path, pages=1)
    before = path.read_bytes()

    def broken() -> Iterator[Row]:
        yield from ROWS
        raise OSError(28, "No space left on device")

    class Rows:
        def __iter__(self) -> Iterator[Row]:
            return broken()

    table = Table(id="actions", title="What to do", columns=COLUMNS, rows=Rows())
    report = replace(document(), sections=(Section(id="a", title="Actions", tables=(table,)),))
    with pytest.raises(OSError, match="No space left"):
        write_pdf(report, path, pages=1)
    assert path.read_bytes() == before
    assert [it.name for it in tmp_path.iterdir()] == ["report.pdf"]
