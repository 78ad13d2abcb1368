"""The app's report tab writes files for shops, and ends a run that is stopped before it says a line."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from tab import Guest, ended, visible, wait

from assistant import report_page
from assistant.background import COMMAND
from assistant.desk import Desk
from assistant.session import Visit
from assistant.wording import LANGUAGES, Language, wording


@pytest.fixture
def visit(desk: Desk) -> Iterator[Visit]:
    guest = Guest(desk)
    yield guest  # type: ignore[misc]
    guest.reporting.close(keep=False)


# Stopping


def test_a_stop_before_the_first_line_is_not_lost(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Path(__file__).with_name("fake_report.py")
    monkeypatch.setattr("assistant.reporting.COMMAND", (sys.executable, str(fake)))
    monkeypatch.setenv("FAKE_LOADING", "1")
    report_page.make(visit, "en")
    time.sleep(0.5)  # it runs, and hears no SIGINT
    report_page.halt(visit, "en")
    assert wait(visit, ended).status == "stopped"
    assert visit.reporting.latest("en") is None
    assert report_page.look(visit, "en")["make"]["value"] == "Go on"


def test_a_stop_ends_the_command_of_an_app_started_in_the_background(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.reporting.COMMAND", COMMAND)
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as `nohup` and `&` leave it to what is started
    try:
        report_page.make(visit, "en")
    finally:
        signal.signal(signal.SIGINT, former)
    report_page.halt(visit, "en")
    assert wait(visit, ended).status == "stopped"
    assert visit.reporting.latest("en") is None


# Prices for the shop


def approve(visit: Visit) -> None:
    """A report was made, and the candle's suggestion approved."""
    folder = visit.store.home / "reports" / "2026-10-26"  # prices are written as of the day that it prices
    folder.mkdir(parents=True)
    (folder / "report.json").touch()
    (candle,) = visit.desk.recommend(["CAN-LAV-200"])
    visit.store.approve_decision(candle.id, actor="merchant")


def test_approved_prices_are_written_for_a_shop(visit: Visit) -> None:
    nothing = report_page.exporting(visit, "en", "woocommerce", None)
    assert "No approved price" in nothing["exported"]["value"] and "get_export" not in visible(nothing)
    approve(visit)
    changes = report_page.exporting(visit, "en", "woocommerce", None)
    assert "CAN-LAV-200,16.20" in Path(changes["get_export"]["value"]).read_text(encoding="utf-8")
    assert "Nothing is live" in changes["exported"]["value"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_shopify_asks_for_the_upload_that_the_tab_has(
    language: Language, visit: Visit, tmp_path: Path
) -> None:
    approve(visit)
    assert report_page.choosing_shop(visit, language, "shopify")["catalogue"]["visible"]
    assert not report_page.choosing_shop(visit, language, "amazon")["catalogue"]["visible"]
    asked = report_page.exporting(visit, language, "shopify", None)["exported"]["value"]
    field = wording(language, report_page.WORDS)("export.catalogue")
    assert escape(field) in asked and "--" not in asked
    catalogue = tmp_path / "products_export.csv"
    catalogue.write_text(
        "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n"
        "candle,Candle,Title,Default Title,CAN-LAV-200,18.00\n",
        encoding="utf-8",
    )
    written = report_page.exporting(visit, language, "shopify", str(catalogue))
    assert Path(written["get_export"]["value"]).read_text(encoding="utf-8").endswith("CAN-LAV-200,16.20\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_that_no_price_is_approved_is_said_without_an_option_that_the_tab_lacks(
    language: Language, visit: Visit
) -> None:
    said = report_page.exporting(visit, language, "woocommerce", None)["exported"]["value"]
    assert "--on" not in said and 'role="alert"' in said
