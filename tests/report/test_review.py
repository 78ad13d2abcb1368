"""Decisions read back from the workbook: what would change, what is refused, what is recorded, once."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import openpyxl
import pandas as pd
import pytest
from decided_report import fill, written
from small_shop import ThumbPolicy, history, open_shop

from assistant import cli, cli_review
from assistant.desk import Desk
from assistant.report.review import Review, carry_out, read_review
from assistant.report.review_file import ReviewError
from assistant.store import Store
from assistant.wording import Language
from policy import PricingPipeline
from policy.decision.outcomes import WhatIf
from policy.decision.rules import Rules


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Path]]:
    """A shop in which nothing is recorded, and its report, to be copied before it is filled in."""
    folder = tmp_path_factory.mktemp("untouched")
    opened, policy = open_shop(folder), cast("Any", ThumbPolicy())
    one = Desk(opened, pipeline=policy)
    written(one, folder / "report.xlsx")
    yield one, folder / "report.xlsx"
    opened.close()


def done(path: Path, desk: Desk) -> Review:
    review = read_review(path, desk, "en")
    assert not review.refused
    carry_out(review, desk.store, actor="Ada")
    return review


def refusal(path: Path, desk: Desk) -> str:
    review = read_review(path, desk, "en")
    assert not review.changes
    (line,) = review.refused
    return line


def test_decisions_are_shown_then_recorded(desk: Desk, store: Store, report: Path) -> None:
    ids = written(desk, report)
    fill(
        report,
        {
            "CAN-LAV-200": {"decision": "approve"},
            "KET-17": {"decision": "own price", "own_price": 37.5, "reason": "Round"},
            "CHG-65W": {"decision": "Reject", "reason": "Too low"},
        },
    )
    review = read_review(report, desk, "en")
    shown = {it.decision_id: (it.choice, it.now, it.suggested, it.price) for it in review.changes}
    assert shown == {
        ids["CAN-LAV-200"]: ("approve", "$18.00", "$16.20", "$16.20"),
        ids["KET-17"]: ("edit", "$39.99", "$35.99", "$37.50"),
        ids["CHG-65W"]: ("reject", "$34.90", "$31.41", ""),
    }
    assert review.undecided == len(ids) - 3 and not review.refused and not review.remarks
    assert store.verdict(ids["CAN-LAV-200"]) is None  # reading changes nothing

    assert carry_out(review, store, actor="Ada") == {"approve": 1, "edit": 1, "reject": 1}
    lavender, kettle, charger = (store.verdict(ids[sku]) for sku in ("CAN-LAV-200", "KET-17", "CHG-65W"))
    assert lavender is not None and (lavender.verdict, lavender.price) == ("approved", 16.2)
    assert kettle is not None and (kettle.price, kettle.reason, kettle.actor) == (37.5, "Round", "Ada")
    assert charger is not None and (charger.verdict, charger.reason) == ("rejected", "Too low")
    newest = store.audit(limit=1)[0]
    assert (newest.action, newest.detail["edit"]) == ("report_review", [ids["KET-17"]])


def test_the_same_file_again_changes_nothing(desk: Desk, store: Store, report: Path) -> None:
    written(desk, report)
    choices = {"CAN-LAV-200": {"decision": "approve"}, "CHG-65W": {"decision": "reject"}}
    fill(report, choices | {"KET-17": {"decision": "own price", "own_price": 37.5}})
    review = done(report, desk)
    entries = store.audit(limit=10_000)
    again = read_review(report, desk, "en")
    assert (again.changes, again.settled, again.refused) == ((), 3, ())
    carry_out(again, store, actor="Ada")
    assert store.audit(limit=10_000) == entries
    with pytest.raises(ReviewError, match="decided otherwise"):
        carry_out(review, store, actor="Ada")  # the first reading is no longer what would happen
    assert store.audit(limit=10_000) == entries


def test_a_chinese_workbook_is_read_in_either_language(desk: Desk, report: Path) -> None:
    written(desk, report, "zh")
    fill(report, {"CAN-LAV-200": {"decision": "采纳"}, "KET-17": {"decision": "自定价", "own_price": 37.5},
                  "CHG-65W": {"decision": "拒绝"}})  # fmt: skip
    for language in ("en", "zh"):
        review = read_review(report, desk, language)  # type: ignore[arg-type]
        assert sorted(it.choice for it in review.changes) == ["approve", "edit", "reject"]


def test_rows_and_columns_may_be_moved(desk: Desk, report: Path) -> None:
    ids = written(desk, report)
    fill(report, {"KET-17": {"decision": "approve"}})
    book = openpyxl.load_workbook(report)
    sheet = book["What to do"]
    lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
    lines = [lines[0], *reversed(lines[1:])]
    for number, line in enumerate(lines, 1):
        for place, value in enumerate(reversed(line), 1):
            sheet.cell(number, place).value = value
    book.save(report)
    (change,) = read_review(report, desk, "en").changes
    assert change.decision_id == ids["KET-17"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"decision": "maybe"}, "“maybe” is none of the decisions. Choose approve, reject, own price"),
        ({"own_price": 12.0}, "there is a price of yours, but the decision is not “own price”"),
        ({"decision": "approve", "own_price": 12.0}, "the decision is not “own price”"),
        ({"decision": "own price"}, "there is no price of yours"),
        ({"decision": "own price", "own_price": "cheap"}, "“cheap” is not a price"),
        ({"decision": "own price", "own_price": -1}, "“-1” is not a price"),
        ({"decision": "own price", "own_price": "1_7"}, "“1_7” is not a price"),
        ({"decision": "own price", "own_price": "nan"}, "“nan” is not a price"),
        ({"decision": "own price", "own_price": 16.999}, "16.999 has more decimals than prices in USD have"),
        (
            {"decision": "own price", "own_price": 13.0},
            "$13.00 breaks your rules (largest change in one step)",
        ),
        ({"decision": "approve", "SKU": "KET-17X"}, "are not those that the report was made with"),
        ({"decision": "approve", "Suggested": 1.0}, "are not those that the report was made with"),
        ({"decision": "approve", "Now": 16.2, "Suggested": 18.0}, "are not those"),
        ({"decision": "approve", "_currency": "EUR"}, "are not those"),
        ({"decision": "approve", "_record": "D1"}, "are not those"),
        ({"decision": "approve", "_check": None}, "are not those"),
        ({"decision": "approve", "_record": None}, "the row belongs to no suggestion"),
    ],
)
def test_what_cannot_be_recorded_is_named_by_row(
    untouched: tuple[Desk, Path], report: Path, entry: dict[str, Any], said: str
) -> None:
    desk, made = untouched
    shutil.copy(made, report)
    fill(report, {"CAN-LAV-200": entry})
    line = refusal(report, desk)
    assert line.startswith("row ") and said in line


def test_an_abstention_has_nothing_to_approve(desk: Desk, report: Path) -> None:
    written(desk, report)
    fill(report, {"KNF-SET5": {"decision": "approve"}})
    assert "no suggested price to approve" in refusal(report, desk)
    fill(report, {"KNF-SET5": {"decision": "own price", "own_price": 119.0}})
    assert done(report, desk).changes[0].price == "$119.00"


@pytest.mark.parametrize(
    ("price", "named"),
    [
        (13.0, "breaks your rules: largest change in one step"),
        (4.0, "breaks your rules: largest change in one step, smallest margin, never below cost"),
    ],
)
def test_a_reason_lets_a_broken_rule_pass_and_names_it(
    desk: Desk, report: Path, price: float, named: str
) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "own price", "own_price": price, "reason": "Clearance"}})
    (change,) = done(report, desk).changes
    assert change.notes[0] == named and "reason: Clearance" in change.notes


def test_below_cost_needs_a_reason_though_no_rule_forbids_it(desk: Desk, report: Path) -> None:
    class LaxPolicy(ThumbPolicy):
        def what_if(self, history: pd.DataFrame, *, sku: str, price: float, **given: Any) -> WhatIf:
            return replace(super().what_if(history, sku=sku, price=price, **given), verdicts=())

    policy: Any = LaxPolicy()
    lax = Desk(desk.store, pipeline=policy)
    written(lax, report)
    fill(report, {"CAN-LAV-200": {"decision": "own price", "own_price": 5.0}})
    assert "$5.00 is below cost. Give a reason" in refusal(report, lax)


def test_a_suggestion_is_checked_anew_where_the_rules_changed(desk: Desk, store: Store, report: Path) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    assert len(read_review(report, desk, "en").changes) == 1
    store.set_rules(Rules(max_change=0.05), scope="store", actor="Ada")
    assert "breaks your rules" in refusal(report, desk)


def test_a_report_older_than_the_sales_is_not_approved_from(desk: Desk, store: Store, report: Path) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}, "CHG-65W": {"decision": "reject"}})
    store.import_history(history(weeks=13), source="a week more", content_hash="newer")
    review = read_review(report, desk, "en")
    assert [it.choice for it in review.changes] == ["reject"]
    assert "not those any more" in review.refused[0]


def test_a_report_whose_sales_were_corrected_is_not_approved_from(
    desk: Desk, store: Store, report: Path
) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}, "KET-17": {"decision": "approve"}})
    newest = history().groupby("sku", sort=False).tail(1)
    lavender = newest[newest["sku"] == "CAN-LAV-200"]
    store.import_history(lavender.assign(price=20.0), source="mended", content_hash="mended")
    review = read_review(report, desk, "en")
    assert [it.product for it in review.changes] == ["Electric Kettle 1.7 L"]
    assert "not those any more" in review.refused[0]
    store.import_history(lavender, source="mended back", content_hash="mended back")
    assert len(read_review(report, desk, "en").changes) == 2


def test_sales_corrected_back_are_the_same_whatever_the_rules_are_now(
    shop: Store, pipeline: PricingPipeline, report: Path
) -> None:
    one = Desk(shop, pipeline=pipeline)
    written(one, report)
    fill(report, {"CHG-65W": {"decision": "approve"}})
    newest = shop.history(["CHG-65W"]).tail(1)
    for number, units in enumerate((1.0, float(newest["units"].iloc[0]))):
        shop.import_history(newest.assign(units=units), source="mended", content_hash=str(number))
    shop.set_rules({"max_change": 0.001}, scope="store", actor="merchant")
    (line,) = read_review(report, one, "en").refused
    assert "not those any more" not in line and "largest" in line


def test_another_shops_report_is_refused(desk: Desk, report: Path, tmp_path: Path) -> None:
    other_store = Store.open(home=tmp_path / "other")
    table = history()
    table["price"] = (table["price"] * 1.1).round(2)
    other_store.import_history(table, source="other", content_hash="other")
    policy: Any = ThumbPolicy()
    written(Desk(other_store, pipeline=policy), report)
    written(desk, tmp_path / "own.xlsx")  # so that the same ids are taken
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    assert "is not one of this shop" in refusal(report, desk)
    other_store.close()


def test_a_suggestion_decided_twice_in_the_file(desk: Desk, report: Path) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    book = openpyxl.load_workbook(report)
    sheet = book["What to do"]
    line = next(row for row in sheet.iter_rows(min_row=2) if row[1].value == "CAN-LAV-200")
    for place, cell in enumerate(line, 1):
        sheet.cell(40, place).value = cell.value
    book.save(report)
    review = read_review(report, desk, "en")
    assert len(review.changes) == 1
    assert review.refused[0].startswith("row 40 ") and "decided in row" in review.refused[0]


def test_a_changed_row_without_a_decision_is_remarked(desk: Desk, report: Path) -> None:
    written(desk, report)
    fill(report, {"CAN-LAV-200": {"Suggested": 17.0}})
    review = read_review(report, desk, "en")
    assert not review.refused and "something else than the yellow columns" in review.remarks[0]


def test_rejecting_what_was_approved_takes_the_price_back(desk: Desk, store: Store, report: Path) -> None:
    ids = written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    done(report, desk)
    fill(report, {"CAN-LAV-200": {"decision": "reject"}})
    (change,) = done(report, desk).changes
    assert "takes the approval at $16.20 back" in change.notes
    verdict = store.verdict(ids["CAN-LAV-200"])
    assert verdict is not None and verdict.verdict == "rejected"
    assert store.price_ledger("CAN-LAV-200")["price"].iloc[-1] == 18.0


def test_nothing_is_half_done(desk: Desk, store: Store, report: Path) -> None:
    ids = written(desk, report)
    fill(report, {sku: {"decision": "approve"} for sku in ids if sku != "KNF-SET5"})
    review = read_review(report, desk, "en")
    last = review.changes[-1].decision_id
    store.reject_decision(last, actor="Ben")
    entries = store.audit(limit=10_000)
    with pytest.raises(ReviewError, match=f"decision {last} was decided otherwise"):
        carry_out(review, store, actor="Ada")
    assert store.audit(limit=10_000) == entries
    assert sum(store.verdict(id) is not None for id in ids.values()) == 1


# The command


@pytest.fixture
def at_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's desk has the small policy."""
    policy: Any = ThumbPolicy()
    monkeypatch.setattr("assistant.desk.Desk", lambda store: Desk(store, pipeline=policy))


@pytest.mark.usefixtures("at_the_desk")
def test_the_command_shows_and_asks(
    desk: Desk,
    store: Store,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    assert cli.main(["report-review", str(report)]) == 0
    shown = capsys.readouterr()
    assert "approve $16.20" in shown.out and "Give --yes" in shown.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "no")
    assert cli.main(["report-review", str(report)]) == 0
    assert "nothing was recorded" in capsys.readouterr().err
    assert store.verdict(ids["CAN-LAV-200"]) is None
    assert cli.main(["report-review", str(report), "--yes", "--language", "zh"]) == 0
    assert "采纳 1 个" in capsys.readouterr().out
    verdict = store.verdict(ids["CAN-LAV-200"])
    assert verdict is not None and verdict.actor == cli_review.ACTOR


@pytest.mark.usefixtures("at_the_desk")
def test_the_command_records_all_or_what_it_is_told_to(
    desk: Desk, store: Store, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}, "KET-17": {"decision": "maybe"}})
    assert cli.main(["report-review", str(report), "--yes"]) == 1
    shown = capsys.readouterr()
    assert "Nothing was recorded" in shown.err and "1 decisions" not in shown.out
    assert shown.out.startswith("Decisions to record from report.xlsx: 1\n")
    assert store.verdict(ids["CAN-LAV-200"]) is None
    assert cli.main(["report-review", str(report), "--yes", "--skip-bad-rows", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["recorded"] and len(printed["refused"]) == 1
    assert store.verdict(ids["CAN-LAV-200"]) is not None


@pytest.mark.parametrize(
    ("language", "refused", "nothing"),
    [
        ("en", "no decision that can be recorded", "no decision that is not recorded already"),
        ("zh", "没有可以记录的决定", "没有尚未记录的决定"),
    ],
)
def test_a_refused_decision_is_not_said_to_be_none(
    desk: Desk, report: Path, language: Language, refused: str, nothing: str
) -> None:
    written(desk, report)
    review = read_review(report, desk, language)
    assert nothing in review.title(review.file)
    fill(report, {"KET-17": {"decision": "maybe"}})
    review = read_review(report, desk, language)
    assert refused in review.title(review.file) and review.refused


def test_without_a_shop_the_command_says_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report-review", "x.xlsx", "--data-dir", str(tmp_path / "none")]) == 1
    assert "There is no shop here" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
