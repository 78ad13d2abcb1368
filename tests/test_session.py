"""Pages and their shops: a visitor's file is asked about on its own, and nothing of it stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_adapters import shelve

from assistant.agent import Answer, ToolCall
from assistant.evidence import View
from assistant.follow_ups import MOST
from assistant.series import ClearanceSeries, ForecastSeries
from assistant.session import UPLOAD_LIMIT_MB, Sessions, UploadTooLarge, Visit
from assistant.store import Store
from assistant.store.demo import create_demo
from policy.history import HistoryError
from policy.model.loading import EMBEDDED
from policy.model.shelf import Shelf


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    home = tmp_path_factory.mktemp("shop")
    store = Store.open(home=home)
    create_demo(store)
    store.close()
    sessions = Sessions(str(home))
    while not sessions.visit("first").ready:
        time.sleep(0.1)
    yield sessions
    sessions.close()


@pytest.fixture
def visit(sessions: Sessions, request: pytest.FixtureRequest, monkeypatch, tmp_path: Path) -> Iterator[Visit]:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(uploads))
    yield sessions.visit(request.node.name)
    sessions.end(request.node.name)
    assert list(uploads.iterdir()) == []  # whatever happened, nothing of the visitor's file stays


@pytest.fixture
def bakery(tmp_path: Path) -> Path:
    """Two years of weekly sales of one bread, 20 % off in every fifth week."""
    rows = ["product,week,price,qty sold,cost"]
    for week in range(104):
        price, sold = (5.2, 70) if week % 5 == 0 else (6.5, 48)
        monday = date(2024, 1, 1) + timedelta(weeks=week)
        rows.append(f"Sourdough Loaf,{monday},{price},{sold + week % 7},2.1")
    path = tmp_path / "bakery.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def ask(visit: Visit, question: str) -> Answer:
    *steps, answer = visit.ask(question, "en")
    assert all(isinstance(step, ToolCall) for step in steps)
    assert isinstance(answer, Answer)
    return answer


def test_the_evidence_is_the_decision_that_the_answer_gives(visit: Visit) -> None:
    answer = ask(visit, "what should I charge for the lavender candle?")
    (evidence,) = visit.evidence
    assert evidence.recommendation is not None
    assert evidence.recommendation.sku == "CAN-LAV-200"
    values = {fact.key: fact.value for fact in evidence.facts}
    assert values["price"] in answer.text
    figure = visit.figure(evidence, evidence.views[0])
    assert figure is not None
    marked = {shape.x0 for shape in figure.layout.shapes if shape.type == "line"}
    assert marked == {evidence.recommendation.current_price, evidence.recommendation.price}


def test_a_price_asked_about_is_marked_beside_the_suggested_one(visit: Visit) -> None:
    ask(visit, "what should I charge for the lavender candle?")
    ask(visit, "what if I charge $16.20?")
    (evidence,) = visit.evidence
    assert evidence.asked == pytest.approx(16.20)
    figure = visit.figure(evidence, evidence.views[0])
    assert figure is not None
    assert any("$16.20" in annotation.text for annotation in figure.layout.annotations)


def test_a_question_back_leaves_no_evidence(visit: Visit) -> None:
    ask(visit, "what should I charge for the lavender candle?")
    ask(visit, "price for mug")
    assert visit.evidence == ()


def test_an_overview_begins_with_the_shop_as_a_whole(visit: Visit) -> None:
    ask(visit, "Where am I leaving money on the table?")
    shop, *products = visit.evidence
    assert shop.recommendation is None
    assert shop.views == ("portfolio",)
    figure = visit.figure(shop, "portfolio")
    assert figure is not None
    assert {text.split("<b>")[1].split("</b>")[0] for trace in figure.data for text in trace.text} >= {
        part.title for part in products if part.recommendation and part.recommendation.abstained is None
    }
    # Those that are kept or not priced have facts of their own and no figure of a change.
    assert sum(part.recommendation is not None for part in products) >= 5


def test_a_file_is_asked_about_on_its_own(visit: Visit, bakery: Path) -> None:
    report = visit.open_file(bakery, "en")
    assert report.history.products == 1
    assert "bakery.csv" in visit.situation("en")
    assert visit.examples("en")[0] == "What should I charge for Sourdough Loaf?"
    assert ask(visit, "what should I charge for the sourdough loaf?").skus == ["Sourdough Loaf"]
    assert not ask(visit, "what should I charge for the lavender candle?").decision_ids

    visit.close_file()
    assert "demo" in visit.situation("en")
    assert ask(visit, "what should I charge for the lavender candle?").skus == ["CAN-LAV-200"]
    assert not ask(visit, "what should I charge for the sourdough loaf?").decision_ids


def test_a_visitors_file_is_not_priced_by_the_shops_adapter(home: Path, bakery: Path) -> None:
    store = Store.open(home=home)
    create_demo(store)
    version = shelve(store.adapters, seed=1, base=EMBEDDED)
    store.close()
    sessions = Sessions(str(home))
    visit = sessions.visit("page")

    def priced_by(question: str) -> str | None:
        ask(visit, question)
        (evidence,) = visit.evidence
        assert evidence.recommendation is not None
        return evidence.recommendation.adapter_hash

    candle = "what should I charge for the lavender candle?"
    assert priced_by(candle) == version.digest[:16]
    visit.open_file(bakery, "en")
    assert priced_by("what should I charge for the sourdough loaf?") is None
    visit.close_file()
    assert priced_by(candle) == version.digest[:16]
    Shelf(home / "adapters").rollback()
    visit.begin()
    assert priced_by(candle) is None
    sessions.close()


def test_visits_do_not_mix(sessions: Sessions, visit: Visit, bakery: Path) -> None:
    visit.open_file(bakery, "en")
    other = sessions.visit("another page")
    assert other.report is None
    assert ask(other, "what should I charge for the lavender candle?").skus == ["CAN-LAV-200"]
    assert ask(visit, "what should I charge for the sourdough loaf?").skus == ["Sourdough Loaf"]
    sessions.end("another page")


@pytest.mark.parametrize(
    "content", [b"", b"when;thing\n2026-01-01;x\n", bytes(range(256)) * 9, b"PK\x03\x04no"]
)
def test_a_file_that_cannot_be_used_changes_nothing(visit: Visit, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(content)
    with pytest.raises(HistoryError, match=r"broken\.xlsx"):
        visit.open_file(broken, "en")
    assert visit.report is None
    assert ask(visit, "what should I charge for the lavender candle?").skus == ["CAN-LAV-200"]


def test_a_bad_second_file_leaves_the_first_one_open(visit: Visit, bakery: Path, tmp_path: Path) -> None:
    visit.open_file(bakery, "en")
    broken = tmp_path / "broken.csv"
    broken.write_text("when\n2026-01-01\n", encoding="utf-8")
    with pytest.raises(HistoryError):
        visit.open_file(broken, "en")
    assert ask(visit, "what should I charge for the sourdough loaf?").skus == ["Sourdough Loaf"]


def test_bad_rows_can_be_left_out(visit: Visit, bakery: Path) -> None:
    with bakery.open("a", encoding="utf-8") as file:
        file.write("\nSourdough Loaf,2026-01-05,n/a,48,2.1")
    with pytest.raises(HistoryError, match=r"1 of 105 rows"):
        visit.open_file(bakery, "en")
    assert visit.refused == bakery
    report = visit.open_file(bakery, "en", skip_bad_rows=True)
    assert report.history.rows_out == 104
    assert visit.refused is None


def test_rows_with_too_many_cells_can_be_left_out(visit: Visit, bakery: Path) -> None:
    with bakery.open("a", encoding="utf-8") as file:
        file.write("\nSourdough Loaf,2026-01-05,6.5,48,2.1,more")
    with pytest.raises(HistoryError, match=r"1 of 105 rows"):
        visit.open_file(bakery, "en")
    assert visit.refused == bakery
    assert visit.open_file(bakery, "en", skip_bad_rows=True).history.rows_out == 104


def test_an_upload_is_deleted_once_it_is_read_or_given_up(visit: Visit, bakery: Path, tmp_path: Path) -> None:
    visit.open_file(bakery, "en")
    assert not bakery.exists()
    partly_bad = tmp_path / "sales.csv"
    partly_bad.write_text("sku,date,price,units\nA,2026-01-05,1,2\nA,2026-01-06,n/a,2\n", encoding="utf-8")
    with pytest.raises(HistoryError):
        visit.open_file(partly_bad, "en")
    assert partly_bad.exists()
    visit.close_file()
    assert not partly_bad.exists()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_huge_file_is_refused_before_it_is_read(visit: Visit, tmp_path: Path, language) -> None:
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate((UPLOAD_LIMIT_MB + 1) * 2**20)
    with pytest.raises(UploadTooLarge, match=rf"huge\.csv.*{UPLOAD_LIMIT_MB + 1} MB.*{UPLOAD_LIMIT_MB} MB"):
        visit.open_file(huge, language)


def test_a_page_can_close_in_the_middle_of_an_answer(visit: Visit, bakery: Path) -> None:
    visit.open_file(bakery, "en")
    answers = [visit.ask(question, "en") for question in ("price for sourdough", "why that price?")]
    for steps in answers:
        next(steps)
    closing = threading.Thread(target=visit.close_file)
    closing.start()
    closing.join(timeout=30)
    assert not closing.is_alive()
    assert [list(steps) for steps in answers] == [[], []]


def test_a_new_conversation_knows_nothing_of_the_one_before_which_is_kept(visit: Visit) -> None:
    before = ask(visit, "what should I charge for the lavender candle?")
    thread, evidence = visit.thread, visit.evidence
    visit.begin()
    assert visit.evidence == () and visit.follow_ups == []
    assert not ask(visit, "why that price?").decision_ids
    assert thread in {it.thread for it in visit.conversations}
    messages = visit.open(thread)
    assert messages == [("user", "what should I charge for the lavender candle?"), ("assistant", before.text)]
    assert visit.evidence == evidence and visit.answer == before
    assert ask(visit, "why that price?").skus == ["CAN-LAV-200"]


def test_what_waits_in_a_conversation_waits_when_it_is_opened_again(visit: Visit) -> None:
    asked = ask(visit, "set the lavender candle to 17")
    thread = visit.thread
    visit.begin()
    assert visit.pending == ()
    assert visit.open(thread)[-1] == ("assistant", asked.text)
    assert visit.pending == asked.pending
    [*visit.settle(False)]


def test_a_forgotten_conversation_is_gone(visit: Visit) -> None:
    ask(visit, "what should I charge for the lavender candle?")
    thread = visit.thread
    visit.forget()
    assert thread not in {it.thread for it in visit.conversations}
    assert visit.evidence == () and visit.open(thread) == []


def test_a_closed_page_leaves_its_conversation_to_the_next(sessions: Sessions, visit: Visit) -> None:
    ask(visit, "what should I charge for the lavender candle?")
    sessions.end(visit.key)
    assert visit.thread not in {it.thread for it in visit.conversations}  # a new one by now
    titles = [it.title for it in sessions.visit("a later page").conversations]
    assert "what should I charge for the lavender candle?" in titles


@pytest.mark.parametrize(
    ("question", "view", "series"),
    [
        ("how many lavender candles will I sell in the next 8 weeks?", "forecast", ForecastSeries),
        ("clear the lavender candle stock in 8 weeks", "clearance", ClearanceSeries),
    ],
)
def test_a_figure_shows_the_tools_own_result(visit: Visit, question: str, view: View, series: type) -> None:
    answer = ask(visit, question)
    (evidence,) = visit.evidence
    assert evidence.views[0] == view and isinstance(evidence.series, series)
    values = {fact.key: fact.raw for fact in answer.facts}
    if isinstance(evidence.series, ForecastSeries):
        assert sum(evidence.series.units.mean) == pytest.approx(values["units"])
    elif evidence.series is not None:
        assert evidence.series.left.mean[-1] == pytest.approx(values["left"])
        assert evidence.series.stock == values["stock"]
    for shown in evidence.views:
        assert visit.figure(evidence, shown) is not None


@pytest.mark.slow
def test_every_follow_up_is_understood(visit: Visit) -> None:
    questions = {
        "en": [
            "what should I charge for the lavender candle?",
            "what should I charge for the knife set?",
            "what if I charge 17 for the lavender candle?",
            "what is the break-even price of the lavender candle?",
            "how many lavender candles will I sell in the next 8 weeks?",
            "forecast the whole shop for 8 weeks",
            "clear the pine candle stock in 8 weeks",
            "where am I leaving money on the table?",
            "which rules apply?",
        ],
        "zh": [
            "薰衣草蜡烛应该卖多少钱？",
            "刀具套装应该卖多少钱？",
            "薰衣草蜡烛卖17元会怎样？",
            "薰衣草蜡烛的保本价是多少？",
            "未来8周薰衣草蜡烛能卖多少？",
            "整个店铺未来8周能卖多少？",
            "8周内清掉松木蜡烛的库存",
            "哪些商品定价还有提升空间？",
            "有哪些规则？",
        ],
    }
    for question in (text for texts in questions.values() for text in texts):
        ask(visit, question)
        chips = visit.follow_ups
        assert 1 < len(chips) <= MOST, question
        for chip in chips:
            visit.begin()
            ask(visit, question)
            answer = ask(visit, chip)
            assert answer.tool_calls, (question, chip, answer.text)
        visit.begin()


def test_candidates_are_the_follow_ups_of_a_question_back(visit: Visit) -> None:
    ask(visit, "candle")
    assert visit.follow_ups == ["Lavender Candle 200 g", "Pine Candle 200 g (Christmas)"]


def test_an_approval_waits_for_the_page_that_asked_for_it(sessions: Sessions, visit: Visit) -> None:
    asked = ask(visit, "set the lavender candle to 17")
    assert [it.tool for it in visit.pending] == ["approve"] and asked.pending == visit.pending
    (evidence,) = visit.evidence
    assert evidence.asked == 17.0  # marked in the figure, beside the suggested price
    assert sessions.visit("a third page").pending == ()
    *_, answer = visit.settle(False)
    assert isinstance(answer, Answer) and visit.pending == ()
    ask(visit, "set the lavender candle to 17")
    *_, answer = visit.settle(True)
    assert isinstance(answer, Answer) and "$17.00" in answer.text
    store = visit._assistant.desk.store
    assert store.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 17.0
    ask(visit, "undo")
    [*visit.settle(True)]
    assert store.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 18.0
    sessions.end("a third page")


def test_an_empty_shop_offers_the_demo(home: Path) -> None:
    sessions = Sessions(str(home))
    visit = sessions.visit("page")
    assert visit.shop_is_empty
    assert visit.examples("en") == []
    visit.create_demo()
    assert "demo" in visit.situation("en")
    assert "lavender" in visit.examples("en")[0]
    sessions.close()


def test_a_visitors_shop_reads_no_file_of_the_servers(visit: Visit, bakery: Path, tmp_path: Path) -> None:
    """Neither without folders named by whoever serves the page, nor in the shop of an uploaded file."""
    secret = tmp_path / "sales.csv"
    secret.write_text(bakery.read_text(encoding="utf-8"), encoding="utf-8")
    for begin in (lambda: None, lambda: visit.open_file(bakery, "en")):
        begin()
        *_, answer = visit.ask(f"import {secret}", "en")
        assert isinstance(answer, Answer) and answer.pending == ()
        assert "another computer" in answer.text


def test_a_page_of_this_machine_imports_from_the_folders_named_for_it_but_not_into_a_visitors_file(
    bakery: Path, tmp_path: Path
) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(bakery.read_text(encoding="utf-8"), encoding="utf-8")
    sessions = Sessions(str(tmp_path / "home"), folders=[tmp_path])
    visit = sessions.visit("here")
    *_, answer = visit.ask("import sales.csv", "en")
    assert isinstance(answer, Answer) and len(answer.pending) == 1
    *_, answer = visit.settle(True)
    assert not visit.shop_is_empty
    visit.open_file(bakery, "en")
    *_, answer = visit.ask("import sales.csv", "en")
    assert isinstance(answer, Answer) and answer.pending == () and "another computer" in answer.text
    sessions.close()
