"""Times in messages: which days they mean, what is none, and how numbers in them stay out of prices."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phrases_of_time import CHINESE, ENGLISH
from phrases_without_time import NO_TIME

from assistant.embedded.amounts import amounts_in
from assistant.embedded.circumstances import circumstances_in
from assistant.embedded.date_grammar import grammar
from assistant.embedded.dates import When, times_in
from assistant.embedded.lexicon import languages, lexicon
from assistant.embedded.retail_calendar import EVENTS

TODAY = date(2026, 11, 26)  # a Thursday, the day before Black Friday
MESSAGES = [("en", *row) for row in ENGLISH] + [("zh", *row) for row in CHINESE]


def only(text: str, language: str = "en", today: date = TODAY) -> When:
    times = times_in(text, language, today=today)
    assert len(times) == 1, times
    return times[0]


def said(when: When) -> str:
    return f"{when.kind}{' past' if when.is_past else ''} {when.start or ''}..{when.end or ''}"


@pytest.mark.parametrize(("language", "text", "expected"), MESSAGES)
def test_a_time_is_read(language: str, text: str, expected: str) -> None:
    assert said(only(text, language)) == expected


@pytest.mark.parametrize(("language", "text"), [(name, text) for name in NO_TIME for text in NO_TIME[name]])
def test_prices_sizes_codes_and_names_are_no_times(language: str, text: str) -> None:
    assert times_in(text, language, today=TODAY) == ()


@pytest.mark.parametrize("language", ["en", "zh"])
@given(today=st.dates(date(2012, 1, 1), date(2040, 12, 31)), row=st.integers(0, 10_000))
def test_whatever_the_day_times_are_whole_and_lie_in_the_text(language: str, today: date, row: int) -> None:
    rows = ENGLISH if language == "en" else CHINESE
    text = rows[row % len(rows)][0]
    assert times_in(text, language, today=today)
    text = f"{text}, {rows[row % 97][0]}"
    times = times_in(text, language, today=today)
    places = [place for when in times for place in when.span]
    assert places == sorted(places) and places[0] >= 0 and places[-1] <= len(text)
    for when in times:
        assert when.span[0] < when.span[1]
        assert when.start is not None or when.end is not None
        assert when.days is None or when.days >= 1
        if when.kind == "deadline" and not when.is_past:
            assert when.start == today
        if when.is_past:
            assert (when.start or when.end or today) <= today


WORDS = {
    "en": "by before until since from to the last next this first of end start early mid in for on 2 3rd "
    "11/3 two weeks month quarter year days ago Friday weekend May June Q3 2025 2026-02-30 Christmas winter "
    "today and , . sold will 31 -",
    "zh": "到 从 前 之前 后 内 起 在 去年 明年 上个月 下 个 两 三 十 周 周五 周末 天 月 9月 3号 31号 月底 "
    "年底 年初 上旬 第一 最后 近 未来 过去 还有 春节 双十一 618 国庆 季度 半年 今天 "
    "的 , 。 卖了 会 11/3 2025年",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@given(data=st.data(), noise=st.text(max_size=20))
def test_any_text_is_read_without_harm(language: str, data: st.DataObject, noise: str) -> None:
    words = data.draw(st.lists(st.sampled_from([*WORDS[language].split(), noise]), max_size=9))
    text = (" " if language == "en" else "").join(words)
    for when in times_in(text, language, today=TODAY):
        assert 0 <= when.span[0] < when.span[1] <= len(text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_calendar_has_every_event_that_a_language_names(language: str) -> None:
    rows = ENGLISH if language == "en" else CHINESE
    events = {when.event for text, _ in rows for when in times_in(text, language, today=TODAY)}
    assert len(events) > 12
    known = {name for table in ("events", "seasonal_events") for name, _ in grammar(language).tables[table]}
    assert known <= EVENTS


def test_every_language_has_a_grammar() -> None:
    assert {name: grammar(name).language for name in languages()} == {name: name for name in languages()}


@pytest.mark.parametrize(
    ("text", "language", "day", "other"),
    [
        ("by 11/3", "en", date(2027, 11, 3), date(2027, 3, 11)),
        ("在11/3那天", "zh", date(2027, 11, 3), date(2027, 3, 11)),
        ("by 12/3", "en", date(2026, 12, 3), date(2027, 3, 12)),
        ("on 03/11/2026", "en", date(2026, 3, 11), date(2026, 11, 3)),
        ("by 25/12", "en", date(2026, 12, 25), None),  # there is no month 25
        ("by 12/25", "en", date(2026, 12, 25), None),
        ("on 5/5", "en", date(2027, 5, 5), None),  # the same day either way
        ("on 3.12.2026", "en", date(2026, 12, 3), None),  # with dots the day comes first
        ("on 2026-11-03", "en", date(2026, 11, 3), None),
    ],
)
def test_the_other_order_of_day_and_month_is_told(
    text: str, language: str, day: date, other: date | None
) -> None:
    when = only(text, language)
    assert (when.end, when.other_day) == (day, other)


@pytest.mark.parametrize(
    ("text", "language", "length"),
    [
        ("forecast the next 4 weeks", "en", (4, "week")),
        ("for a month", "en", (1, "month")),
        ("the last thirty days", "en", (30, "day")),
        ("未来四周", "zh", (4, "week")),
        ("两个月内", "zh", (2, "month")),
        ("过去三十天", "zh", (30, "day")),
        ("半个月", "zh", (15, "day")),
        ("next month", "en", None),
    ],
)
def test_a_number_of_periods_keeps_its_unit(text: str, language: str, length: tuple[int, str] | None) -> None:
    assert only(text, language).length == length


@pytest.mark.parametrize(
    ("text", "weeks"),
    [
        ("for 4 weeks", 4),
        ("within 2 weeks", 2),
        ("next 30 days", 4),  # 4.3 weeks
        ("for 2 months", 9),  # 61 days
        ("tomorrow", 1),
        ("by Christmas", 4),  # 30 days with today and the day itself
        ("after Christmas", None),
    ],
)
def test_periods_of_the_shop_are_counted(text: str, weeks: int | None) -> None:
    assert only(text).periods("week") == weeks


def test_what_comes_back_is_next_in_plans_and_last_in_questions_about_the_past() -> None:
    assert only("What will Singles' Day bring?").start == date(2027, 11, 11)
    assert only("What did Singles' Day bring?").start == date(2026, 11, 11)
    assert only("双十一会卖多少", "zh").start == date(2027, 11, 11)
    assert only("双十一卖得怎么样", "zh").start == date(2026, 11, 11)


def test_the_nearest_cue_decides_where_a_sentence_speaks_of_both() -> None:
    sold, will_sell = times_in("We sold 40 in September, what will we sell in October?", "en", today=TODAY)
    assert (sold.start, will_sell.start) == (date(2026, 9, 1), date(2027, 10, 1))
    # A cue in another sentence is none.
    assert only("It was too expensive. Clear it in May.").start == date(2027, 5, 1)


def test_the_request_is_about_its_deadline_before_a_stretch_before_a_length() -> None:
    text = "Sales fell last month, 4 weeks of stock left of the candle, sell it by Christmas"
    said = circumstances_in(text, lexicon("en"), topic=None, today=TODAY)
    assert {when.kind for when in said.times} == {"deadline", "stretch", "length"}
    assert said.when is not None and said.when.kind == "deadline"
    assert circumstances_in("How much for the mug?", lexicon("en"), topic=None, today=TODAY).when is None


@pytest.mark.parametrize("text", ["31 June", "on 2026-02-30", "by 13/13", "二月三十号"])
def test_a_day_that_does_not_exist_is_not_read_as_another(text: str) -> None:
    assert all(when.start != when.end for when in times_in(text, "zh" if text > "z" else "en", today=TODAY))


def test_a_time_must_have_a_day_and_an_order() -> None:
    with pytest.raises(ValueError, match="first day or a last"):
        When(kind="stretch", start=None, end=None, span=(0, 1))
    with pytest.raises(ValueError, match="ends after it starts"):
        When(kind="stretch", start=TODAY, end=TODAY - timedelta(days=1), span=(0, 1))


@pytest.mark.parametrize(
    ("text", "language", "prices", "percent"),
    [
        ("drop the mug to 9.99 from 11/3 to 11/10", "en", (9.99,), None),
        ("what if I charge 20 by the 15th", "en", (20.0,), None),
        ("10% off until 3 December", "en", (), -10.0),
        ("sell the candle at 12 until Dec 20", "en", (12.0,), None),
        ("12月3号前卖到39", "zh", (39.0,), None),
        ("618大促卖99会怎样", "zh", (99.0,), None),
        ("双11打8折", "zh", (), -20.0),
    ],
)
def test_numbers_in_times_are_no_prices(
    text: str, language: str, prices: tuple[float, ...], percent: float | None
) -> None:
    spans = [when.span for when in times_in(text, language, today=TODAY)]
    amounts = amounts_in(text, lexicon(language), taken=spans)
    assert (amounts.prices, amounts.percent) == (prices, percent)
    assert set(spans) <= set(amounts.spans)


def test_dateparser_waits_until_a_date_needs_it() -> None:
    code = (
        "import sys; from datetime import date; from assistant.embedded.dates import times_in\n"
        "read = lambda text: times_in(text, 'en', today=date(2026, 11, 26))[0].end\n"
        "print(read('by Christmas'), 'dateparser' in sys.modules)\n"
        "print(read('by 3-Dec-26'), 'dateparser' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2026-12-25", "False", "2026-12-03", "True"]
