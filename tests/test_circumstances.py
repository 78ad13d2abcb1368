"""What a message assumes or demands beside the price, in both languages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from assistant.embedded.understanding import Request, understand

TODAY = date(2026, 11, 23)


def read(text: str, language: str) -> Request:
    (request,) = understand(text, language=language, today=TODAY)
    return request


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "fees are 15% + 3.20 shipping, how low can the mug go?", {"fee_percent": 15, "shipping": 3.2}),
        ("en", "Etsy takes 6.5% plus 20 cents an order", {"fee_percent": 6.5, "shipping": 0.2}),
        ("en", "what if the mug cost me 22 instead of 19", {"unit_cost": 22}),
        ("en", "if the cost of the mug goes from 19 to 22", {"unit_cost": 22}),
        ("en", "suppose the competitor drops the mug to 9.99", {"competitor_price": 9.99}),
        ("en", "only 8 small mugs left", {"stock": 8}),
        ("en", "we have 8 of the small blue mug left", {"stock": 8}),
        ("en", "the cost of the small mug goes up to 22 dollars", {"unit_cost": 22}),
        ("en", "the mug: supplier wants 3.90 now instead of 3.30", {"unit_cost": 3.9}),
        ("en", "what if I ship the mug free, costs me 4.10 each", {"shipping": 4.1}),
        (
            "en",
            "suggest a mug price ending in .99, max +10%",
            {"price_ending": 0.99, "max_change_percent": 10},
        ),
        ("en", "suggest a price for the mug, not above 12", {"max_price": 12}),
        ("en", "suggest a price for the mug but not below $11", {"min_price": 11}),
        ("en", "a $5 coupon on the mug", {"coupon": 5}),
        ("zh", "杯子平台抽12个点，邮费4块5，最低卖多少不亏", {"fee_percent": 12, "shipping": 4.5}),
        ("zh", "杯子进价从19涨到22，45还守得住不", {"unit_cost": 22}),
        ("zh", "要是亚马逊把杯子降到9.9呢", {"competitor_price": 9.9}),
        ("zh", "杯子只剩8个了", {"stock": 8}),
        ("zh", "杯子供应商要3.9了", {"unit_cost": 3.9}),
        ("zh", "杯子每件付平台15个点佣金和4块运费，保本价多少", {"fee_percent": 15, "shipping": 4}),
        ("zh", "平台抽成从0变成6%，杯子定多少", {"fee_percent": 6}),
        ("zh", "毛利四成的话杯子最低多少", {"margin_percent": 40}),
        ("zh", "杯子给个.99结尾的价，涨幅别超一成", {"price_ending": 0.99, "max_change_percent": 10}),
        ("zh", "杯子给个建议，最高12", {"max_price": 12}),
        ("zh", "杯子给个建议，不低于11", {"min_price": 11}),
        ("zh", "杯子发5块的券", {"coupon": 5}),
    ],
)
def test_numbers_are_what_the_words_around_them_say(language: str, text: str, said: dict[str, Any]) -> None:
    request = read(text, language)
    assert request.given.named(*vars(request.given).keys() - {"times", "spans"}) == said
    assert not set(request.amounts.prices) & set(said.values())


@pytest.mark.parametrize(
    ("language", "text", "price"),
    [
        ("en", "if the board cost me 22 instead of 19, would 45 still hold?", 45),
        ("zh", "砧板进价从19涨到22，45还守得住不", 45),
        ("zh", "袜子卖11块9毛9", 11.99),
        ("zh", "杯子卖1290分行吗", 12.9),
        ("en", "what if the throw was eighty five", 85),
    ],
)
def test_a_price_beside_them_stays_a_price(language: str, text: str, price: float) -> None:
    assert read(text, language).amounts.prices == (price,)


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("en", "We buy the headphones at 31, where is the sweet spot?", "headphones"),
        ("en", "640 christmas candles on the shelf, sell out in 6 weeks?", "christmas candles"),
        ("en", "I need the pine candles gone by 31 December 2026", "pine candles"),
        ("zh", "供应商把砧板涨到24，我该卖多少", "砧板"),
    ],
)
def test_words_around_a_number_keep_the_name(language: str, text: str, name: str) -> None:
    assert [mention.text for mention in read(text, language).mentions] == [name]


def test_the_days_that_are_named_count_before_an_event() -> None:
    when = read("Black Friday: 25% off the headphones from 27 to 30 November 2026", "en").given.when
    assert when is not None and (when.start, when.end) == (date(2026, 11, 27), date(2026, 11, 30))


def test_two_changes_in_one_message_are_both_read() -> None:
    amounts = read("20 % off vs $20 off on the throw", "en").amounts
    assert (amounts.percent, amounts.amount) == (-20, -20)
