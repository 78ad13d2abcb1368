"""The app's report: a process that is followed, the files that it leaves, and what is decided beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import load_workbook
from tab import Guest, ended, visible, wait

from assistant import report_page
from assistant.desk import Desk
from assistant.facts import facts_for
from assistant.page import Changes
from assistant.report.document import Column, Document, Indicator, Section, Table
from assistant.report.tables import read_sections, write_csv, write_json
from assistant.report.workbook import write_workbook
from assistant.reporting import Reporting
from assistant.session import Visit
from assistant.store import Store
from assistant.wording import LANGUAGES, Language

COLUMNS = (
    Column(key="product", label="Product"),
    Column(key="sku", label="SKU", kind="code"),
    Column(key="current_price", label="Price now", kind="price"),
    Column(key="price", label="Suggested", kind="price"),
    Column(key="change", label="Change", kind="change"),
    Column(key="profit_gain", label="Gain", kind="total", low="profit_gain_low", high="profit_gain_high"),
    Column(key="decision", label="Record", kind="code"),
)


@pytest.fixture
def document(desk: Desk, store: Store) -> Document:
    """A report of the small shop, its suggestions kept as a report keeps them."""
    recommendations = [it.recommendation for it in desk.overview()]
    ids = store.reports.record(recommendations)
    rows = [
        {
            "product": it.name, "sku": it.sku, "page": it.sku, "currency": it.currency, "decision": id,
            "action": "cut" if it.change else "keep", "current_price": it.current_price, "price": it.price,
            "change": it.change, "date": it.date,
            "profit_gain": it.gain.mean if it.gain and it.objective == "profit" else None,
            "profit_gain_low": it.gain.low if it.gain and it.objective == "profit" else None,
            "profit_gain_high": it.gain.high if it.gain and it.objective == "profit" else None,
            "revenue_gain": it.gain.mean if it.gain and it.objective == "revenue" else None,
            "revenue_gain_low": None, "revenue_gain_high": None,
        }
        for it, id in zip(recommendations, ids, strict=True)
    ]  # fmt: skip
    actions = Table(id="actions", title="What to do", columns=COLUMNS, rows=rows)
    first = Section(
        id="headline",
        title="In short",
        sentences=("Twelve prices <should> change.",),
        indicators=(Indicator(label="Gain", value="+$42", tone="good"),),
    )
    return Document(
        title="Price report", subtitle="", language="en", currency="USD", period="week",
        made_at="2026-10-24T08:00:00+00:00", pages=(), page_count=0, manifest={},
        sections=(first, Section(id="actions", title="What to do", tables=(actions,))),
    )  # fmt: skip


@pytest.fixture
def printed(document: Document, tmp_path: Path) -> Path:
    folder = tmp_path / "printed"
    (folder / "csv").mkdir(parents=True)
    write_json(document, folder / "report.json")
    write_csv(document, folder / "csv")
    write_workbook(document, folder / "report.xlsx")
    return folder


@pytest.fixture(autouse=True)
def _fake_process(printed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Path(__file__).with_name("fake_report.py")
    monkeypatch.setattr("assistant.reporting.COMMAND", (sys.executable, str(fake)))
    monkeypatch.setenv("FAKE_REPORT", str(printed))
    monkeypatch.setenv("FAKE_STEP", "0.003")


@pytest.fixture
def visit(desk: Desk) -> Iterator[Visit]:
    guest = Guest(desk)
    yield guest  # type: ignore[misc]
    guest.reporting.close(keep=False)


def made(visit: Visit) -> Changes:
    """The tab once a report was made."""
    report_page.make(visit, "en")
    assert wait(visit, ended).status == "done"
    return report_page.tick(visit, "en", True)


def record(changes: Changes, product: str) -> str:
    """The id behind a product's line."""
    return next(id for line, id in changes["rows"]["choices"] if line.startswith(product))


# Making it


@pytest.mark.parametrize("language", LANGUAGES)
def test_before_the_first_report_there_is_only_making_one(language: Language, visit: Visit) -> None:
    changes = report_page.report_tab(visit, language)
    assert set(changes) == set(report_page.PARTS)
    assert visible(changes) == {"make"}
    assert not changes["report_tick"]["active"]


def test_a_report_is_followed_to_its_files(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_STEP", "0.03")
    changes = report_page.make(visit, "en")
    assert {"halt", "making"} <= visible(changes) and "make" not in visible(changes)
    middle = wait(visit, lambda run: run.stage == "price" and run.seconds_left is not None)
    assert 0 < middle.done < 0.8
    assert 'role="progressbar"' in report_page.tick(visit, "en", True)["making"]["value"]
    assert wait(visit, ended).status == "done"
    after = report_page.tick(visit, "en", True)
    assert {"make", "get_json", "get_csv", "get_xlsx", "rows"} <= visible(after)
    assert not {"get_pdf", "making"} & visible(after)
    assert Path(after["get_csv"]["value"]).name == "actions.csv"
    assert "Twelve prices &lt;should&gt; change." in after["in_short"]["value"]
    assert "Oct 26, 2026" in after["filed"]["value"]


def test_progress_never_goes_back(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    share = Reporting._share
    monkeypatch.setattr(Reporting, "_share", lambda self, event: seen.append(share(self, event)) or seen[-1])
    made(visit)
    assert seen == sorted(seen) and seen[0] == 0.0 and 0.9 < seen[-1] <= 1.0


def test_the_newest_report_of_a_day_is_shown(visit: Visit) -> None:
    for _ in range(11):
        made(visit)
    latest = visit.reporting.latest("en")
    assert latest is not None and latest.folder.name == "2026-10-26-11"


def in_chinese(document: Document) -> Document:
    first = replace(document.sections[0], sentences=("十二个价格应当调整。",))
    return replace(document, language="zh", sections=(first, document.sections[1]))


def test_a_report_made_in_both_languages_is_shown_in_the_pages(
    visit: Visit, document: Document, store: Store
) -> None:
    for language, edition in (("en", document), ("zh", in_chinese(document))):
        folder = store.home / "reports" / "2026-10-26" / language
        folder.mkdir(parents=True)
        write_json(edition, folder / "report.json")
    english, chinese = (report_page.report_tab(visit, language) for language in ("en", "zh"))
    assert "Twelve prices" in english["in_short"]["value"] and 'lang="en"' in english["in_short"]["value"]
    assert "十二个价格" in chinese["in_short"]["value"] and 'lang="zh"' in chinese["in_short"]["value"]
    assert Path(chinese["get_json"]["value"]).parent.name == "zh"
    assert "中文" not in english["filed"]["value"] and "English" not in chinese["filed"]["value"]
    assert english["rows"]["choices"] and len(english["rows"]["choices"]) == len(chinese["rows"]["choices"])


def test_a_report_in_another_language_says_so_and_can_be_made_in_this(
    visit: Visit, document: Document, printed: Path
) -> None:
    write_json(in_chinese(document), printed / "report.json")
    tab = made(visit)  # as if begun while the page was in Chinese
    assert 'lang="zh"' in tab["in_short"]["value"]
    assert tab["make"]["value"] == "Make it in English"
    assert "It is in 中文" in tab["filed"]["value"] and "Make it in English" in tab["filed"]["value"]
    write_json(document, printed / "report.json")
    again = made(visit)
    assert again["make"]["value"] == "Make the report" and "中文" not in again["filed"]["value"]


def test_a_report_can_be_stopped_and_gone_on_with(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_STEP", "0.1")
    report_page.make(visit, "en")
    wait(visit, lambda run: run.stage == "price")
    assert not report_page.halt(visit, "en")["halt"]["interactive"]
    assert wait(visit, ended).status == "stopped"
    changes = report_page.tick(visit, "en", True)
    assert changes["make"]["value"] == "Go on" and "Stopped at" in changes["unmade"]["value"]


@pytest.mark.parametrize(("outcome", "said"), [("refused", "The disk is full."), ("crash", "a bug")])
def test_what_went_wrong_is_said(
    outcome: str, said: str, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OUTCOME", outcome)
    report_page.make(visit, "en")
    assert wait(visit, ended).status == "failed"
    assert said in report_page.tick(visit, "en", True)["unmade"]["value"]


def test_the_first_page_is_read_without_the_product_pages(document: Document, tmp_path: Path) -> None:
    write_json(document, tmp_path / "report.json")
    found = read_sections(tmp_path / "report.json")
    assert [it["id"] for it in found["sections"]] == ["headline", "actions"] and "pages" not in found
    assert len(found["sections"][1]["tables"][0]["rows"]) == 13


# Deciding


def test_each_line_tells_the_prices_and_what_it_should_bring(visit: Visit, desk: Desk) -> None:
    choices = dict(made(visit)["rows"]["choices"])
    (line,) = (it for it in choices if it.startswith("Lavender"))
    (decision,) = desk.recommend(["CAN-LAV-200"])
    facts = {fact.key: fact.value for fact in facts_for(decision.recommendation, "en")}
    for key in ("current_price", "price", "change", "gain"):
        assert facts[key] in line
    assert line.endswith("open")


def test_nothing_is_approved_before_a_yes_to_what_was_shown(visit: Visit, store: Store) -> None:
    tab = made(visit)
    id = record(tab, "Lavender")
    asked = report_page.asking(visit, "en", [id], "approve", None, "it is slow")
    assert {"proposal", "agree", "leave"} <= visible(asked)
    assert "$16.20" in asked["proposal"]["value"] and "it is slow" in asked["proposal"]["value"]
    assert store.verdict(id) is None
    done = report_page.agreeing(visit, "en", True)
    verdict = store.verdict(id)
    assert verdict is not None and (verdict.verdict, verdict.price) == ("approved", 16.2)
    assert (verdict.reason, verdict.actor) == ("it is slow", "merchant")
    assert "Approved" in done["proposal"]["value"] and "agree" not in visible(done)
    assert id not in [it for _, it in done["rows"]["choices"]]
    every = report_page.listed(visit, "en", False)["rows"]["choices"]
    assert any(it == id and "approved at $16.20" in line for line, it in every)
    again = report_page.agreeing(visit, "en", True)  # pressed twice
    assert not {"proposal", "decided"} & visible(again)
    assert [it.action for it in store.audit(limit=500)].count("decision_approved") == 1


def test_several_are_rejected_together(visit: Visit, store: Store) -> None:
    tab = made(visit)
    ids = [record(tab, "Lavender"), record(tab, "Pine")]
    report_page.asking(visit, "en", ids, "reject", None, "")
    report_page.agreeing(visit, "en", True)
    assert [it.verdict for it in map(store.verdict, ids) if it] == ["rejected", "rejected"]


def test_what_is_left_changes_nothing(visit: Visit, store: Store) -> None:
    id = record(made(visit), "Lavender")
    report_page.asking(visit, "en", [id], "approve", None, "")
    assert "agree" not in visible(report_page.leaving(visit, "en"))
    report_page.agreeing(visit, "en", True)
    assert store.verdict(id) is None


def test_an_own_price_below_cost_needs_a_reason(visit: Visit, store: Store) -> None:
    id = record(made(visit), "Lavender")
    assert report_page.choosing(visit, "en", "own")["own_price"]["visible"]
    refused = report_page.asking(visit, "en", [id], "own", 4.0, " ")
    assert "agree" not in visible(refused) and "below its cost" in refused["decided"]["value"]
    report_page.asking(visit, "en", [id], "own", 4.0, "clearance")
    report_page.agreeing(visit, "en", True)
    verdict = store.verdict(id)
    assert verdict is not None and verdict.price == 4.0


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "breaks a rule of yours (largest change in one step)"), ("zh", "不符合您的规则（")],
)
def test_an_own_price_that_breaks_a_rule_needs_a_reason(
    language: Language, said: str, visit: Visit, store: Store
) -> None:
    id = record(made(visit), "Lavender")
    refused = report_page.asking(visit, language, [id], "own", 90.0, " ")
    assert "agree" not in visible(refused) and said in refused["decided"]["value"]
    shown = report_page.asking(visit, language, [id], "own", 90.0, "a special edition")
    assert "a special edition" in shown["proposal"]["value"]
    report_page.agreeing(visit, language, True)
    verdict = store.verdict(id)
    assert verdict is not None and (verdict.price, verdict.reason) == (90.0, "a special edition")


@pytest.mark.parametrize(
    ("ticked", "choice", "price"), [(0, "approve", None), (1, "own", None), (1, "own", -3.0), (2, "own", 9.0)]
)
def test_what_cannot_be_is_said(ticked: int, choice: Any, price: float | None, visit: Visit) -> None:
    ids = [it for _, it in made(visit)["rows"]["choices"]][:ticked]
    changes = report_page.asking(visit, "en", ids, choice, price, "")
    assert "That cannot be done" in changes["decided"]["value"] and visit.waiting is None


def test_a_suggestion_that_no_longer_holds_is_not_approved(visit: Visit, store: Store) -> None:
    id = record(made(visit), "Lavender")
    report_page.asking(visit, "en", [id], "approve", None, "")
    newer = store.history(["CAN-LAV-200"]).tail(1)
    newer = newer.assign(date=newer["date"] + pd.Timedelta(weeks=1), price=15.0)
    store.import_history(newer, source="newer", content_hash="newer")
    changes = report_page.agreeing(visit, "en", True)
    assert "That cannot be done" in changes["decided"]["value"]
    assert store.verdict(id) is None


def test_a_filled_workbook_is_shown_then_recorded(visit: Visit, store: Store, tmp_path: Path) -> None:
    tab = made(visit)
    id, path = record(tab, "Lavender"), tmp_path / "filled.xlsx"
    book = load_workbook(tab["get_xlsx"]["value"])
    sheet = next(it for it in book if any(cell.value == "Your decision" for row in it for cell in row))
    place = next(cell for row in sheet for cell in row if cell.value == "Your decision")
    line = next(row for row in sheet if any(cell.value == id for cell in row))
    sheet.cell(line[0].row, place.column, "approve")
    book.save(path)
    shown = report_page.reading(visit, "en", str(path))
    assert "Lavender" in shown["proposal"]["value"] and store.verdict(id) is None
    assert not path.exists()  # the server's copy of an upload
    assert "Recorded: 1 approved" in report_page.agreeing(visit, "en", True)["proposal"]["value"]
    assert store.verdict(id) is not None


def test_a_file_that_is_no_workbook_is_refused(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "other.xlsx"
    path.write_bytes(b"no")
    changes = report_page.reading(visit, "zh", str(path))
    assert "other.xlsx" in changes["decided"]["value"] and visit.waiting is None


def test_a_long_report_lists_the_first_and_says_where_the_rest_is(
    visit: Visit, printed: Path, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = document.table("actions")
    many = replace(table, rows=[dict(row) for row in table.rows] * 20)
    write_json(
        replace(document, sections=(document.sections[0], replace(document.sections[1], tables=(many,)))),
        printed / "report.json",
    )
    changes = made(visit)
    assert len(changes["rows"]["choices"]) == report_page.SHOWN
    assert "200" in changes["decide_what"]["value"] and "260" in changes["decide_what"]["value"]
