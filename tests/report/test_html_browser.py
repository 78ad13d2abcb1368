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

from assistant.report.html import page_anchor, write_html
from tests.report.large_report import Reread, large, product_page
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
