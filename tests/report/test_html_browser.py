"""The HTML report in a browser: opened from disk, searched, sorted, leafed through, read on a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assistant.facts import labels
from assistant.report.compose import compose
from assistant.report.document import Document, text
from assistant.report.entry import Entry
from assistant.report.html import page_anchor, write_html
from assistant.report.statements import capitalised
from assistant.wording import Language, wording
from tests.report.large_report import Reread, large, product_page
from tests.report.made_entries import entry, priced
from tests.report.sample_report import document

CHROMIUM, PDFTOTEXT = shutil.which("chromium"), shutil.which("pdftotext")
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 60_000
PRODUCTS = 420
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no `chromium` on this machine (Debian's package)"),
]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports: of 420 products, of 10,000 rows without pages, and the sample."""
    folder = tmp_path_factory.mktemp("reports")
    write_html(large(PRODUCTS), folder / "many.html")
    rows = large(10_000)
    write_html(replace(rows, sections=rows.sections[:2], pages=(), page_count=0), folder / "rows.html")
    for language in ("en", "zh"):
        write_html(document(language), folder / f"{language}.html")
    return folder


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that may load nothing but the file, and in which nothing may go wrong."""
    settings = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    with browser.new_context(**settings) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda it: None if it.url.startswith("file://") else wrong.append(it.url))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        yield page
        assert wrong == []


def opened(page: Page, file: Path, fragment: str = "") -> Page:
    page.goto(file.as_uri() + fragment)
    page.wait_for_selector("html[data-ready]")
    return page


def first_cells(page: Page, table: str = "actions") -> list[str]:
    return page.locator(f"#table-{table} tbody th").all_inner_texts()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_decision_needs_is_in_sight_on_a_laptop(
    page: Page, tmp_path: Path, language: Language
) -> None:
    pan = {"name": "Cast Iron Pan 28 cm (Black)"}
    catalogue = priced(entry("PAN-28-BLACK", 59.0, 47.2, spread=900.0, record=pan, category="kitchen"))
    write_html(compose(catalogue, language, statuses={}), tmp_path / "report.html")
    opened(page, tmp_path / "report.html")
    seen = page.locator("#table-actions").evaluate(
        """table => {
          const edge = table.parentElement.getBoundingClientRect().right + 1;
          return [...table.tHead.rows[0].cells].filter(it => it.getBoundingClientRect().right <= edge).length;
        }"""
    )
    shown = [column.key for column in compose(catalogue, language, statuses={}).table("actions").columns]
    assert {"price", "profit_gain", "reason", "risk", "status"} <= set(shown[:seen])
    assert seen < len(shown)  # the rest is reached by scrolling


def test_rows_are_found_whatever_block_they_are_in(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    box = page.locator("#actions")
    expect(box.locator("output")).to_have_text("1–50 of 420")
    box.get_by_role("searchbox").fill("sku-0041 product")
    expect(box.locator("output")).to_have_text("1–10 of 10 found, 420 in all")
    assert first_cells(page) == [f"Product number {it}" for it in range(410, 420)]
    box.get_by_role("combobox", name="Status").select_option(label="approved")
    assert first_cells(page) == ["Product number 413", "Product number 418"]  # those with 3 left over by five
    box.get_by_role("button", name="Clear").click()
    expect(box.locator("output")).to_have_text("1–50 of 420")
    expect(box.get_by_role("searchbox")).to_be_focused()
    box.get_by_role("searchbox").fill("no such thing")
    expect(box.locator("output")).to_have_text("No row matches")


def mixed(language: Language) -> Document:
    """Twenty-four products: every second could lose, every third is at the edge, every fourth has no cost."""

    def made(place: int) -> Entry:
        cautions = ("at_edge_of_known_prices",) if place % 3 == 0 else ()
        return entry(
            f"T{place:02d}",
            price=8.0 if place % 5 == 0 else 12.0,
            spread=900.0 if place % 2 == 0 else 0.0,
            cost=None if place % 4 == 0 else 4.0,
            category=f"shelf {place}",
            record={
                "cautions": (*cautions, *(("cost_missing",) if place % 4 == 0 else ())),
                "confidence": "low" if place < 6 else "high",
            },
        )

    return compose(priced(*map(made, range(24))), language, statuses={})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_actions_are_filtered_by_direction_risk_confidence_and_category(
    page: Page, tmp_path: Path, language: Language
) -> None:
    report, words = mixed(language), wording(language, "report.toml")
    write_html(report, tmp_path / "report.html")
    opened(page, tmp_path / "report.html")
    names = {column.key: column.label for column in report.table("actions").columns}

    def found(**choices: str) -> set[int]:
        selects = {key: page.locator("#actions").get_by_label(names[key], exact=True) for key in choices}
        for key, choice in choices.items():
            selects[key].select_option(label=choice)
        seen = {int(re.search(r"T(\d\d)", it)[1]) for it in first_cells(page)}  # type: ignore[index]
        for select in selects.values():
            select.select_option(index=0)
        return seen

    every = set(range(24))
    unclear, edge = (capitalised(words(f"risks.{it}")) for it in ("unclear", "edge"))
    assert found(risk=unclear) == {it for it in every if it % 2 == 0}
    assert found(risk=edge) == {it for it in every if it % 3 == 0}  # whatever else a row's cell lists
    assert found(action=words("moves.cut")) == {it for it in every if it % 5 == 0}
    low = str(labels(language)["confidence"]["low"])
    assert found(confidence=low) == set(range(6))
    assert found(category="shelf 7") == {7}
    assert found(risk=unclear, confidence=low) == {0, 2, 4}


@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_a_phone_a_row_is_a_card_with_every_value_named(
    page: Page, tmp_path: Path, language: Language
) -> None:
    report = mixed(language)
    write_html(report, tmp_path / "report.html")
    opened(page, tmp_path / "report.html")
    beyond = "boxes => boxes.filter(it => it.scrollWidth > it.clientWidth).map(it => it.ariaLabel)"
    assert page.locator(".scroll").evaluate_all(beyond) == []
    shown = page.locator("#table-actions tbody tr").first.evaluate(
        """row => [...row.querySelectorAll("td")].filter(it => it.offsetWidth)
          .map(it => [getComputedStyle(it, "::before").content.slice(1, -1), it.getBoundingClientRect()])
          .map(([name, box]) => [name, box.left >= 0 && box.right <= innerWidth])"""
    )
    columns = report.table("actions").columns[1:]
    row = next(iter(report.table("actions").rows))
    assert shown == [[it.label, True] for it in columns if text(it, row, language)]


@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_cards_are_sorted_and_leafed_through_without_headings(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    box = page.locator("#actions")
    expect(box.locator("output")).to_have_text("1–10 of 420")
    box.get_by_role("combobox", name="Sort").select_option(label="Sort: Now")
    assert first_cells(page)[0] == f"Product number {PRODUCTS - 1}"  # the dearest
    box.get_by_role("button", name="Turn the order round").click()
    assert first_cells(page)[0] == "Product number 0"
    box.get_by_role("button", name="Next").click()
    assert first_cells(page)[0] == "Product number 10"
    expect(page.locator("#table-actions tbody tr").first).to_be_in_viewport()
    box.get_by_role("combobox", name="Sort").select_option(label="Sort: as listed")
    assert first_cells(page)[0] == "Product number 0"


def test_a_column_that_no_row_fills_is_left_out(page: Page, tmp_path: Path) -> None:
    rows = large(20)
    table = rows.table("actions")
    filled = [dict(row, reason=None) for row in table.rows]
    actions = replace(rows.sections[1], tables=(replace(table, rows=filled),))
    write_html(replace(rows, sections=(rows.sections[0], actions)), tmp_path / "report.html")
    opened(page, tmp_path / "report.html")
    expect(page.locator("#table-actions thead th", has_text="Why")).to_be_hidden()
    expect(page.locator("#table-actions thead th", has_text="Status")).to_be_visible()
    place = [it.key for it in table.columns].index("reason") + 1
    assert not any(it.is_visible() for it in page.locator(f"#table-actions td:nth-child({place})").all())


def test_columns_are_sorted_from_the_keyboard(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    head = page.locator("#table-actions thead th", has_text="Now")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert first_cells(page)[0] == f"Product number {PRODUCTS - 1}"  # the dearest
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert first_cells(page)[0] == "Product number 0"
    page.locator("#actions").get_by_role("button", name="Next").click()
    assert first_cells(page)[0] == "Product number 50"


def test_unknown_values_come_last_in_either_order(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    head = page.locator("#table-actions thead th", has_text="Category")
    for _ in range(2):
        head.get_by_role("button").click()
        seen = []
        while True:
            seen += page.locator("#table-actions tbody tr td:nth-child(3)").all_inner_texts()
            if page.locator("#actions").get_by_role("button", name="Next").is_disabled():
                break
            page.locator("#actions").get_by_role("button", name="Next").click()
        assert len(seen) == PRODUCTS
        assert not any(seen[-PRODUCTS // 5 :])
        assert all(seen[: -PRODUCTS // 5])


def test_a_drawn_row_is_the_written_one(page: Page, browser: Browser, reports: Path) -> None:
    opened(page, reports / "many.html")
    drawn = page.locator("#table-actions tbody tr").evaluate_all("rows => rows.map(row => row.outerHTML)")
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto((reports / "many.html").as_uri())
        source = plain.content()
    assert len(drawn) == 50
    written = re.sub(r' data-v="[^"]*"', "", source)  # what the script has read
    assert all(row in written for row in drawn)


def test_a_product_opens_in_a_panel_and_closes_where_one_was(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    page.locator("#stock").scroll_into_view_if_needed()
    link = page.locator("#table-stock tbody a").nth(3)
    link.scroll_into_view_if_needed()
    where = page.evaluate("scrollY")
    link.click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text("Product number 3")
    expect(panel.locator("svg[role=img]")).to_have_count(2)
    expect(panel.get_by_role("button", name="Next")).to_be_enabled()
    panel.get_by_role("button", name="Next").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("Product number 4")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert page.evaluate("scrollY") == where
    expect(link).to_be_focused()
    assert "#" not in page.url
    # The pages that were borrowed are back in their folds.
    assert page.locator("details.product article").count() == 50


def test_a_packed_page_opens_by_its_address(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html", "#product-SKU-00419")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text("Product number 419")
    expect(panel.locator(".facts tbody tr")).to_have_count(18)
    expect(panel.get_by_role("button", name="Next")).to_be_disabled()


@pytest.mark.parametrize("packed", [False, True])
def test_a_products_name_stays_text(page: Page, tmp_path: Path, packed: bool) -> None:
    name = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"

    def make(place: int) -> object:
        made = product_page(place)
        return replace(made, id=name, title=name, sentences=(name,)) if place == 59 * packed else made

    path = tmp_path / "report.html"
    write_html(replace(large(60), pages=Reread(60, make)), path)
    opened(page, path, f"#{page_anchor(name)}")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text(name)
    expect(panel.locator(".advice p")).to_have_text(name)
    expect(page.locator("img")).to_have_count(0)


def test_ten_thousand_rows_stay_pleasant(page: Page, reports: Path) -> None:
    opened(page, reports / "rows.html")
    shown = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert shown < 2_000
    taken = page.evaluate("""() => {
        const field = document.querySelector("#actions input"), taken = [];
        for (const text of ["9", "99", "number 99", "rival", ""]) {
            const start = performance.now();
            field.value = text;
            field.dispatchEvent(new Event("input"));
            document.body.getBoundingClientRect();
            taken.push(performance.now() - start);
        }
        return taken.sort((a, b) => a - b);
    }""")
    assert taken[2] < 150
    expect(page.locator("#actions output")).to_have_text("1–50 of 10,000")


@pytest.mark.parametrize("page", [{"viewport": {"width": 360, "height": 740}}], indirect=True)
@pytest.mark.parametrize("file", ["many", "en", "zh"])
def test_a_phone_never_scrolls_sideways(page: Page, reports: Path, file: str) -> None:
    opened(page, reports / f"{file}.html")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("#table-actions tbody a").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= 360


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_it_can_be_read(page: Page, reports: Path) -> None:
    page.goto((reports / "many.html").as_uri())
    assert len(first_cells(page)) == 300
    expect(page.locator("#actions noscript p")).to_contain_text("These are the first 300 of 420 rows.")
    page.locator("#table-actions tbody a").first.click()
    fold = page.locator("details.product").first
    fold.locator("summary").click()
    expect(fold.locator("svg[role=img]").first).to_be_visible()


def test_paper_has_every_row_that_was_found_and_no_controls(page: Page, reports: Path) -> None:
    opened(page, reports / "many.html")
    page.locator("#actions").get_by_role("searchbox").fill("rival")  # a third of 420
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(first_cells(page)) == 140
    assert len(first_cells(page, "stock")) == 300
    expect(page.locator("#stock")).to_contain_text("300 of 420 rows are printed.")
    for hidden in (".controls", "nav", ".skip"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert len(first_cells(page)) == 50
    assert page.locator("details[open]").count() == 0


@pytest.mark.skipif(PDFTOTEXT is None, reason="there is no `pdftotext` here (Debian's poppler-utils)")
def test_the_headings_of_a_table_are_on_every_sheet_of_paper(
    page: Page, reports: Path, tmp_path: Path
) -> None:
    opened(page, reports / "rows.html")
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    command = [str(PDFTOTEXT), "-layout", str(tmp_path / "report.pdf"), "-"]
    texts = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.split("\f")
    with_rows = [text for text in texts if re.search(r"SKU-0\d{4}", text)]
    assert len(with_rows) > 5
    assert all("Suggested" in text for text in with_rows)


@pytest.mark.parametrize("page", [{"viewport": {"width": 360, "height": 780}}], indirect=True)
def test_no_line_ends_between_a_number_and_its_sign(page: Page, tmp_path: Path) -> None:
    entries = [entry(f"P{i}", 100.0, 112.0 + i, spread=10.0 ** (1 + i % 5)) for i in range(12)]
    document = compose(priced(*entries), "zh", statuses={})
    write_html(document, tmp_path / "report.html")
    opened(page, tmp_path / "report.html").locator("details").evaluate_all(
        "all => all.map(it => it.open = 1)"
    )
    lines = page.evaluate(r"""() => {
      const found = [], range = document.createRange(), signed = /[-+](US)?[$][\d,.]*\d/g;
      const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
      for (let node; (node = walker.nextNode());) for (const it of node.data.matchAll(signed)) {
        range.setStart(node, it.index);
        range.setEnd(node, it.index + it[0].length);
        found.push(new Set([...range.getClientRects()].map(box => Math.round(box.top))).size);
      }
      return found;
    }""")
    assert lines.count(1) > 100 and max(lines) == 1
    said = next(it for it in document.sections if it.id == "headline").sentences
    assert page.locator("#headline > p").inner_text() == "".join(said)  # what is copied
