"""The report in a real browser: made, downloaded, decided on, written for a shop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import CHROMIUM, ask, bakery
from playwright.sync_api import Page, expect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no `chromium` on this machine (Debian's package)"),
]


def report_tab(page: Page) -> None:
    page.get_by_role("tab", name="Report").click()
    expect(page.locator("#report-run")).to_contain_text("to act on, and to forward")


def test_a_report_that_has_just_been_begun_is_stopped(page: Page) -> None:
    report_tab(page)
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#unmade")).to_contain_text("Stopped at 0%")
    expect(page.locator("#make")).to_have_text("Go on")


def test_a_report_is_made_decided_on_and_exported(page: Page) -> None:
    report_tab(page)
    page.locator("#make").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#in-short")).to_contain_text("profit a week against keeping every price")
    for form, ending in {"HTML": "html", "Excel": "xlsx", "PDF": "pdf", "CSV": "csv", "JSON": "json"}.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=form, exact=True).click()
        assert download.value.suggested_filename.endswith(f".{ending}")
        assert download.value.path().stat().st_size > 500

    candle = page.locator("#rows label", has_text="Lavender Candle")
    candle.click()
    page.get_by_role("button", name="Show what that changes").click()
    expect(page.locator("#proposal")).to_contain_text("Nothing is done yet")
    expect(page.locator("#proposal")).to_contain_text("$16.69")
    page.locator("#agree").click()
    expect(page.locator("#proposal")).to_contain_text("Approved: Lavender Candle 200 g at $16.69")
    expect(candle).to_have_count(0)
    page.get_by_role("button", name="Write the file").click()
    expect(page.locator("#exported")).to_contain_text("Nothing is live until you import it there")
    with page.expect_download() as download:
        page.locator("#get-export").click()
    assert "CAN-LAV-200,16.69" in download.value.path().read_text(encoding="utf-8")

    page.locator("#export-shop label", has_text="Shopify").click()
    expect(page.locator("#catalogue")).to_contain_text("Shopify's product export (CSV)")
    page.locator("#catalogue input[type=file]").set_input_files(
        {
            "name": "products_export.csv",
            "mimeType": "text/csv",
            "buffer": b"Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n"
            b"candle,Candle,Title,Default Title,CAN-LAV-200,18.00\n",
        }
    )
    expect(page.locator("#catalogue")).to_contain_text("products_export")
    page.get_by_role("button", name="Write the file").click()
    expect(page.locator("#exported")).to_contain_text("Overwrite products with matching handles")
    with page.expect_download() as download:
        page.locator("#get-export").click()
    assert "CAN-LAV-200,16.69" in download.value.path().read_text(encoding="utf-8")

    page.get_by_role("tab", name="Prices").click()
    assert "Taken back" in ask(page, "undo") or page.locator("#confirm").is_visible()
    page.locator("#confirm").click()  # the shop as the other tests know it
    expect(page.locator("#chat")).to_contain_text("Taken back")


def test_a_report_is_asked_for_in_the_chat(page: Page) -> None:
    assert "21 products" in ask(page, "make me a report")
    page.locator("#confirm").click()
    expect(page.locator("#chat")).to_contain_text("The report is being made")
    report_tab(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#unmade")).to_contain_text("What is priced is kept")


@pytest.mark.parametrize(
    "page", [{"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "is_mobile": True}], indirect=True
)
def test_the_report_tab_fits_a_phone(page: Page) -> None:
    page.get_by_role("tab", name="报告").click()
    expect(page.locator("#make")).to_have_text(re.compile("生成报告|继续"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_file_has_reports_of_its_own(page: Page, tmp_path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(bakery(tmp_path))
    expect(page.locator("#situation")).to_contain_text("bakery.csv")
    report_tab(page)
    expect(page.locator("#report-run")).to_contain_text("forgotten with it")
    expect(page.locator("#decide")).to_contain_text("once there is a report")
