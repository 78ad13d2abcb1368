"""A question about a report that was made is answered; only a request for one starts one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.agent import Answer

Ask = Callable[[str], Answer]


def tools(answer: Answer) -> list[str]:
    return [call.name for call in answer.tool_calls if call.name != "find_products"]


@pytest.mark.parametrize(
    "text",
    [
        "what did the last report get wrong?",
        "how accurate was the last report?",
        "were there mistakes in the previous report?",
        "which products did the last report miss?",
        "how did the last report do?",
        "can I trust the report?",
        "上次报告准不准？",
        "上周的报告哪里说错了？",
        "以前的报告靠谱吗",
        "上一份报告误差大吗",
        "之前的周报都对了吗",
    ],
)
def test_how_good_a_report_was_is_told_from_the_track_record(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert tools(answer) == ["track_record"]
    assert answer.pending == () and answer.dropped == []
    # Where each product that was missed is named: the section of the report itself.
    assert ("Track record" if answer.language == "en" else "以往表现") in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "what are the best opportunities in the report?",
        "what does the report say?",
        "what did the last report suggest?",
        "summarize the report",
        "where is my report?",
        "报告里最值得做的是什么？",
        "报告说了什么？",
        "最近一份报告的重点是什么",
        "上次报告讲了些什么",
        "报告做好了吗",
    ],
)
def test_what_a_report_says_is_the_overview_and_where_the_report_is(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert tools(answer) == ["catalogue_overview"]
    assert answer.pending == () and answer.dropped == []
    assert ("tab “Report”" if answer.language == "en" else "“报告”页") in answer.text
    assert "Lavender Candle" in answer.text  # the table of what is worth most


@pytest.mark.parametrize(
    "text",
    ["what does the report say about the lavender candle?", "报告里薰衣草蜡烛该卖多少"],
)
def test_a_product_in_a_report_is_answered_as_a_product(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert tools(answer) == ["recommend"] and answer.skus == ["CAN-LAV-200"]


@pytest.mark.parametrize(
    "text",
    [
        "make a report of all wrong prices",
        "make the last report again",
        "I need a report with the biggest mistakes",
        "give me the weekly report",
        "can I get the report of this week as pdf?",
        "report",
        "准备一份报告",
        "我要一份最新的报告",
        "给我一份报告，要准确",
        "给我报告",
        "报告",
    ],
)
def test_a_request_for_a_report_starts_one(ask: Ask, text: str) -> None:
    assert tools(ask(text)) == ["start_report"]
