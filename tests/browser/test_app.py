"""A merchant's first price in a real browser: ask, see the number and its evidence, ask about an own file."""

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


def suggested(page: Page) -> str:
    return page.locator("#headline .suggested b").inner_text()


def test_the_price_its_figure_and_its_facts(page: Page) -> None:
    ask(page, "what should I charge for the lavender candle?")
    expect(page.locator("#headline h3")).to_contain_text("Lavender Candle")
    price = suggested(page)
    assert re.fullmatch(r"\$\d+\.\d\d", price)
    expect(page.locator("#chat .message.bot").last).to_contain_text(price)
    expect(page.get_by_role("row", name="Suggested price").first).to_contain_text(price)
    expect(page.get_by_role("row", name="Price now").first).to_contain_text("$18.00")
    figure = page.locator("#figure .js-plotly-plot")
    expect(figure).to_contain_text(f"Suggested {price}")
    expect(figure).to_contain_text("Now $18.00")
    expect(figure).to_contain_text("Units sold in a week")


def test_a_question_asked_in_haste_is_not_lost(page: Page) -> None:
    ask(page, "what should I charge for the lavender candle?")
    answer = ask(
        page, "what should I charge for the oak cutting board?"
    )  # the figure may still be on its way
    assert "Oak Cutting Board" in answer
    expect(page.locator("#headline h3")).to_contain_text("Oak Cutting Board")
    page.locator("#ask textarea").fill("why that price?")
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(page.locator("#chat .message.bot:not(.pending)")).to_have_count(3)
    expect(page.locator("#chat .message.user")).to_have_count(3)


def test_a_decision_is_shown_and_confirmed_or_rejected_by_button(page: Page) -> None:
    confirm, reject = page.locator("#confirm"), page.locator("#reject")
    expect(confirm).to_have_count(0)
    asked = ask(page, "set the lavender candle to 17")
    assert "$17.00" in asked and "Margin" in asked
    expect(page.locator("#figure .js-plotly-plot")).to_contain_text("Asked $17.00")
    reject.click()
    last = page.locator("#chat .message.bot:not(.pending)").last
    expect(last).to_contain_text("nothing was changed")
    expect(confirm).to_have_count(0)
    ask(page, "set the lavender candle to 17")
    confirm.click()
    expect(last).to_contain_text("Noted: Lavender Candle 200 g at your own price of $17.00")
    expect(confirm).to_have_count(0)
    ask(page, "undo")
    confirm.click()
    expect(last).to_contain_text("Taken back")
    ask(page, "set the lavender candle to 17")
    ask(page, "why did you not suggest that?")  # anything else leaves it undone
    expect(last).to_contain_text("left undone")
    expect(confirm).to_have_count(0)


def test_each_number_of_an_answer_tells_its_fact(page: Page) -> None:
    ask(page, "what should I charge for the lavender candle?")
    expect(page.locator("#facts .checked")).to_contain_text("numbers in this answer were checked")
    page.wait_for_function("CSS.highlights.get('cited')?.size > 5")
    where = page.evaluate(
        """() => {
            const range = [...CSS.highlights.get("cited")].find((it) => it.toString() === "$18.00");
            const box = range.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }"""
    )
    page.mouse.move(*where)
    expect(page.locator("#cite")).to_have_text("Price now$18.00")
    expect(page.locator("#facts tr.now")).to_contain_text("Price now")


def test_each_kind_of_answer_has_its_figure(page: Page) -> None:
    figure = page.locator("#figure .js-plotly-plot")
    ask(page, "what should I charge for the lavender candle?")
    page.locator("#view label", has_text="Price history").click()
    expect(figure).to_contain_text("Price in force")
    page.locator("#chips button", has_text="Forecast it").click()
    expect(page.locator("#view label.selected")).to_have_text("Forecast")
    expect(figure).to_contain_text("80% range")
    page.locator("#chips button", has_text="Clear its stock").click()
    expect(figure).to_contain_text("Stock left")
    expect(page.locator("#headline")).to_contain_text("Chance of selling through")
    ask(page, "Where am I leaving money on the table?")
    expect(figure).to_contain_text("Suggested price change")


def test_conversations_are_kept_opened_again_and_deleted(page: Page) -> None:
    said = page.locator("#chat .message.user")
    price = ask(page, "what would you charge for the oak cutting board?")
    first_chip = page.locator("#chips button").first
    expect(first_chip).to_have_text("Why that price?")
    page.get_by_role("button", name="New conversation").click()
    expect(said).to_have_count(0)
    expect(first_chip).to_contain_text("lavender candle")
    expect(page.locator("#headline")).to_contain_text("appear here")
    page.get_by_role("button", name=re.compile("Conversations")).click()
    page.locator("#threads label", has_text="oak cutting board").click()
    expect(said).to_have_count(1)
    assert page.locator("#chat .message.bot").last.inner_text() == price
    expect(page.locator("#headline h3")).to_contain_text("Oak Cutting Board")
    page.get_by_role("button", name=re.compile("Conversations")).click()
    page.get_by_role("button", name="Delete this conversation").click()
    expect(said).to_have_count(0)
    expect(page.locator("#threads label", has_text="oak cutting board")).to_have_count(0)


def test_an_example_is_one_click(page: Page) -> None:
    page.get_by_role("button", name="What should I charge for the lavender candle?").click()
    expect(page.locator("#headline h3")).to_contain_text("Lavender Candle")


def test_the_products_of_an_overview_can_be_looked_at(page: Page) -> None:
    ask(page, "Where am I leaving money on the table?")
    expect(page.locator("#headline h3")).to_have_text("The shop as a whole")
    page.locator("#product input").click()
    choice = page.get_by_role("option").nth(1)
    name = choice.inner_text().removeprefix("✓").strip()
    choice.click()
    expect(page.locator("#headline h3")).to_contain_text(name)
    expect(page.locator("#figure .js-plotly-plot")).to_contain_text("Price")


@pytest.mark.parametrize("page", [{}, {"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_an_answer_is_read_from_its_start_and_its_numbers_are_whole(page: Page) -> None:
    ask(page, "what should I charge for the lavender candle?")
    ask(page, "Where am I leaving money on the table?")
    expect(page.locator("#headline h3")).to_have_text("The shop as a whole")
    page.wait_for_function(
        """() => {
            const top = (it) => it.getBoundingClientRect().top;
            const gap = top([...document.querySelectorAll("#chat .message.user")].pop())
                - top(document.querySelector("#chat"));
            return gap >= 0 && gap < 60;
        }"""
    )
    price = page.locator("#chat td", has_text=re.compile(r"^\$[\d.]+$")).first
    lines = "it => { const range = document.createRange(); range.selectNodeContents(it);"
    assert price.evaluate(lines + " return new Set([...range.getClientRects()].map(r => r.top)).size }") == 1


def test_switching_to_chinese(page: Page) -> None:
    page.locator("#language label", has_text="中文").click()
    expect(page.get_by_role("heading", name="定价助手")).to_be_visible()
    expect(page.get_by_role("button", name="上传销售文件")).to_be_visible()
    answer = ask(page, "薰衣草蜡烛应该卖多少钱？")
    assert re.search("[\u4e00-\u9fff]", answer)
    expect(page.get_by_role("row", name="建议价").first).to_contain_text(suggested(page))
    expect(page.locator("#figure .js-plotly-plot")).to_contain_text("每周销量")


@pytest.mark.parametrize("page", [{"locale": "zh-CN"}], indirect=True)
def test_a_chinese_browser_is_greeted_in_chinese(page: Page) -> None:
    expect(page.get_by_role("heading", name="定价助手")).to_be_visible()


def test_an_own_file_a_broken_one_and_back(page: Page, tmp_path: Path) -> None:
    sales = bakery(tmp_path)
    broken = tmp_path / "broken.csv"
    broken.write_text("when;thing\n2026-01-01;x\n", encoding="utf-8")
    upload = page.locator("input[type=file]")

    upload.set_input_files(sales)
    expect(page.locator("#understood")).to_contain_text("'Qty sold' is the units sold")
    expect(page.locator("#situation")).to_contain_text("bakery.csv")
    ask(page, "What should I charge for the sourdough loaf?")
    expect(page.locator("#headline h3")).to_have_text("Sourdough Loaf")
    expect(page.locator("#figure .js-plotly-plot")).to_contain_text("Now 6.50")
    assert "$18.00" not in ask(page, "what should I charge for the lavender candle?")

    upload.set_input_files(broken)
    error = page.get_by_role("alert")
    expect(error).to_contain_text("broken.csv has no column for")
    expect(error).to_have_count(1)
    expect(page.locator("#situation")).to_contain_text("bakery.csv")
    ask(page, "What should I charge for the sourdough loaf?")
    expect(page.locator("#headline h3")).to_have_text("Sourdough Loaf")

    page.get_by_role("button", name="Back to the shop").click()
    expect(page.locator("#situation")).to_contain_text("demo shop")
    assert "$18.00" in ask(page, "what should I charge for the lavender candle?")


def fine_tune_tab(page: Page) -> None:
    page.get_by_role("tab", name="Fine-tune").click()
    expect(page.locator("#run")).to_contain_text("studies your sales")


def test_fine_tuning_goes_on_while_questions_are_answered(page: Page) -> None:
    fine_tune_tab(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#progress")).to_contain_text("left")
    page.get_by_role("tab", name="Prices").click()
    candle = "what should I charge for the lavender candle?"
    before = ask(page, candle)
    assert "$18.00" in before

    first, page = page, page.context.new_page()  # opened anew, it finds the run
    page.goto(first.url)
    fine_tune_tab(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#ended")).to_contain_text("What was learned so far is kept")
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.locator("#result")).to_contain_text("Promoted: version 0001 stood the test.")
    expect(page.get_by_role("row", name="Forecast error where prices moved")).to_contain_text("37.1%")
    expect(page.locator("#outcome .js-plotly-plot").first).to_contain_text("38.9%")
    expect(page.locator("#outcome .js-plotly-plot").last).to_contain_text("Chosen: 60 steps")
    expect(page.locator("#choice")).to_contain_text("in use")
    page.get_by_role("tab", name="Prices").click()
    assert ask(page, candle) != before
    fine_tune_tab(page)

    page.get_by_role("button", name="Back to the one before").click()
    expect(page.locator("#versions")).to_contain_text("as it was shipped")
    page.get_by_role("tab", name="Prices").click()
    assert ask(page, candle) == before
    first.reload()  # it may have looked while the run was stopped, and then looks no more by itself
    fine_tune_tab(first)
    expect(first.locator("#result")).to_contain_text("Promoted: version 0001")


def test_an_own_file_has_a_shelf_of_its_own(page: Page, tmp_path: Path) -> None:
    page.locator("input[type=file]").set_input_files(bakery(tmp_path))
    expect(page.locator("#situation")).to_contain_text("bakery.csv")
    fine_tune_tab(page)
    expect(page.locator("#run")).to_contain_text("bakery.csv")
    expect(page.locator("#versions")).to_contain_text("No version yet")


def test_a_page_that_is_not_asked_anything_says_what_it_is_for(page: Page) -> None:
    expect(page.locator("#chat")).to_contain_text("What would you like to price?")
    expect(page.locator("#headline")).to_contain_text(
        "The figure and the facts behind an answer appear here."
    )
    page.keyboard.press("Enter")  # an empty question is not a question
    expect(page.locator("#chat .message")).to_have_count(0)


@pytest.mark.parametrize(
    "page",
    [{"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True}],
    indirect=True,
)
def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    ask(page, "what should I charge for the lavender candle?")
    expect(page.locator("#figure .js-plotly-plot")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    figure = page.locator("#figure .js-plotly-plot").bounding_box()
    assert figure is not None and figure["width"] > 250
    page.get_by_role("button", name=re.compile("Conversations")).click()
    expect(page.locator("#threads label").first).to_be_visible()
    ask(page, "8周内清掉松木蜡烛的库存")
    expect(page.locator("#figure .js-plotly-plot")).to_contain_text("剩余库存")
    expect(page.locator("#chips button").first).to_have_text("它的保本价是多少？")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
