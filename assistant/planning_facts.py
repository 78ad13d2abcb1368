"""Facts beyond the next price: forecasts, break-even, clearance, promotions, earlier prices, unit prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.facts import (
    INTERVAL_LEVEL,
    Fact,
    Sheet,
    count,
    labels,
    money,
    quantity,
    subject_of,
    total_decimals,
)
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.break_even import BreakEven
    from policy.decision.clearance import Clearance, ClearancePath
    from policy.decision.foresee import Forecast, ForecastSum, PeriodForecast, ProductForecast
    from policy.decision.outcomes import Totals, WhatIf
    from policy.decision.price_test import PriceTest
    from policy.decision.promotion import DepthOutcome, Promotion
    from policy.decision.recommendation import Interval
    from policy.decision.reference_price import ReferenceCheck
    from policy.decision.what_would_make import WhatWouldMake

MOST_SLOTS = 12
"""Periods of a price test that are listed."""


def length(sheet: Sheet, periods: int, period: str) -> None:
    """How many periods are meant, as `periods`."""
    sheet.span("periods", periods, period)


def _totals(sheet: Sheet, totals: Totals, currency: str | None, *, suffix: str = "") -> None:
    sheet.units(f"units{suffix}", totals.units)
    for name, value in (("revenue", totals.revenue), ("profit", totals.profit)):
        if value is not None:
            sheet.total(f"{name}{suffix}", value, decimals=total_decimals(currency, value.low, value.high))


def _rows(sheet: Sheet, periods: Sequence[PeriodForecast], currency: str | None) -> None:
    """One row a period: its first day, units, revenue and profit, keys numbered from 1."""
    words = labels(sheet.language)["forecast"]
    for i, it in enumerate(periods, start=1):
        sheet.day(f"date.{i}", it.date, label=words["date"])
        sheet.add(
            f"units.{i}", quantity(it.units.mean, sheet.language), it.units.mean, "units", words["units_one"]
        )
        for name, value in (("revenue", it.revenue), ("profit", it.profit)):
            if value is not None:
                decimals = total_decimals(currency, value.mean)
                text = money(value.mean, currency, sheet.language, decimals=decimals)
                sheet.add(f"{name}.{i}", text, value.mean, currency or "money", words[f"{name}_one"])


def _span(sheet: Sheet, dates: Sequence[str], end: str, period: str) -> None:
    length(sheet, len(dates), period)
    sheet.day("start", dates[0])
    sheet.day("until", end)


def forecast_facts(
    it: ProductForecast | ForecastSum, found: Forecast, subject: str, language: Language
) -> list[Fact]:
    """A product's forecast, or a sum's: totals, then period by period."""
    sheet = Sheet(subject, language, period=found.period, currency=it.currency, section="forecast")
    _totals(sheet, it.total, it.currency)
    _span(sheet, found.dates, found.end, found.period)
    if len(it.by_period) > 1:
        _rows(sheet, it.by_period, it.currency)
    return sheet.facts


def product_forecast_facts(it: ProductForecast, found: Forecast, language: Language) -> list[Fact]:
    """A product's forecast with the price it is made at."""
    subject = f"{subject_of(it.sku, it.store)}.ahead"
    sheet = Sheet(subject, language, period=found.period, currency=it.currency, section="forecast")
    if len(set(it.prices)) == 1:
        sheet.price("at_price", it.prices[0])
    sheet.percent("interval", INTERVAL_LEVEL)
    return [*forecast_facts(it, found, subject, language), *sheet.facts]


def cover_facts(it: ProductForecast, found: Forecast, stock: float | None, language: Language) -> list[Fact]:
    """How long a stock lasts by the expected units: the period in which it ends, where that is in sight."""
    sheet = Sheet(f"{subject_of(it.sku, it.store)}.ahead", language, period=found.period, section="forecast")
    first = it.by_period[0].units.mean
    sheet.add("pace", quantity(first, language), first, "units")
    if stock is None or stock <= 0:
        return sheet.facts
    sheet.add("stock", quantity(stock, language), stock, "units")
    left = stock
    for i, ahead in enumerate(it.by_period):
        left -= ahead.units.mean
        if left <= 0:
            sheet.day("runs_out", ahead.date)
            weeks = i + 1 + left / ahead.units.mean
            sheet.span("cover", weeks, found.period)
            break
    return sheet.facts


def break_even_facts(
    it: BreakEven, language: Language, *, for_margin: tuple[float, float] | None
) -> list[Fact]:
    """Lowest price and what a unit leaves; at the price asked about where there is one.

    `for_margin` is a margin asked for, a fraction, and the price that has it.
    """
    at = "" if it.at is None else f".at_{it.at.price:.6g}"
    subject = f"{subject_of(it.sku, it.store)}.break_even{at}"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="break_even")
    sheet.price("lowest_price", it.lowest_price)
    sheet.price("unit_cost", it.unit_cost)
    if it.fee:
        sheet.percent("fee", it.fee)
        sheet.percent("kept", 1 - it.fee)
    if it.shipping:
        sheet.price("shipping", it.shipping)
    for side, margin in (("now", it.now), ("then", it.at)):
        if margin is not None:
            sheet.price(f"price_{side}", margin.price)
            sheet.price(f"unit_profit_{side}", margin.unit_profit)
            sheet.percent(f"margin_{side}", margin.margin)
            sheet.percent(f"markup_{side}", margin.unit_profit / it.unit_cost)
    sheet.percent("room", 1 - it.lowest_price / it.now.price)
    if for_margin is not None:
        sheet.percent("wanted_margin", for_margin[0])
        sheet.price("margin_price", for_margin[1])
    sheet.units("units_now", it.units_now)
    if it.volume is not None:
        if it.volume.needed is not None and it.volume.change_needed is not None:
            text = quantity(it.volume.needed, language)
            sheet.add("units_needed", text, it.volume.needed, "units")
            sheet.percent("change_needed", it.volume.change_needed, sign=True)
        sheet.percent("change_expected", it.volume.change_expected.mean, sign=True)
        sheet.gain(it.volume.gain)
        sheet.percent("chance", it.volume.chance)
    return sheet.facts


def clearance_facts(
    it: Clearance, path: ClearancePath, language: Language, *, asked_until: str | None = None
) -> list[Fact]:
    """A path of prices with the chance of selling through, against keeping the price.

    `asked_until` is the day that was named; it is told where the last whole period ends before it.
    """
    subject = f"{subject_of(it.sku, it.store)}.clear"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="clearance")
    sheet.add("stock", quantity(it.stock, language), it.stock, "units")
    _span(sheet, it.dates, it.end, it.period)
    if asked_until is not None and asked_until > it.end[:10]:
        sheet.day("asked_until", asked_until)
    sheet.price("current_price", it.keep.steps[0].price)
    for side, own in (("", path), ("_keep", it.keep)):
        sheet.percent(f"chance{side}", _chance(own.chance))
        sheet.units(f"units_sold{side}", own.units)
        sheet.units(f"left{side}", own.left)
        for name, value in (("revenue", own.revenue), ("profit", own.profit)):
            if value is not None:
                decimals = total_decimals(it.currency, value.low, value.high)
                sheet.total(f"{name}{side}", value, decimals=decimals)
    sheet.percent("chance_best", _chance(it.best.chance))
    sheet.gain(it.gain)
    words, last = labels(language)["clearance"], None
    for i, step in enumerate(path.steps, start=1):
        if step.price != last:  # a price that goes on is no step
            sheet.day(f"step_date.{i}", step.date, label=words["step_date"])
            sheet.price(f"step_price.{i}", step.price, label=words["step_price"])
            last = step.price
    for i, step in enumerate(path.steps, start=1):
        text = quantity(step.left.mean, language)
        sheet.add(f"step_left.{i}", text, step.left.mean, "units", words["step_left"])
    sheet.price("lowest_price", it.lowest_price)
    sheet.price("unit_cost", it.unit_cost)
    sheet.percent("wanted_chance", it.wanted_chance)
    sheet.percent("interval", INTERVAL_LEVEL)
    return sheet.facts


def _chance(value: float) -> float:
    """Of two thousand draws, none that fails is no certainty."""
    return min(max(value, 0.01), 0.99)


def promotion_facts(it: Promotion, language: Language, *, lowest_price: float | None) -> list[Fact]:
    """A promotion's outcome against none; the best depth; how far down a price still earns something."""
    depth = "" if it.asked is None else f".at_{it.asked.price:.6g}"
    subject = f"{subject_of(it.sku, it.store)}.promotion{depth}"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="promotion")
    sheet.price("current_price", it.current_price)
    _span(sheet, it.dates, it.end, it.period)
    if it.asked is not None:
        _depth(sheet, it.asked, it.currency, "")
        _totals(sheet, it.none, it.currency, suffix="_none")
    if it.lift is not None:
        for name, value in (("lift", it.lift.total), ("lift_price", it.lift.of_price)):
            sheet.units(name, value)
        if it.lift.needed is not None:
            sheet.add("lift_needed", quantity(it.lift.needed, language), it.lift.needed, "units")
    if it.given_away is not None:
        decimals = total_decimals(it.currency, it.given_away)
        text = money(it.given_away, it.currency, language, decimals=decimals)
        sheet.add("given_away", text, it.given_away, it.currency or "money")
    if it.after.change is not None:
        sheet.percent("after", it.after.change.mean, sign=True)
        sheet.add("past_promotions", count(it.after.promotions, language), it.after.promotions, "count")
    if it.best is not None:
        sheet.percent("best_depth", it.best.depth)
        sheet.price("best_price", it.best.price)
        _signed_total(sheet, "best_gain", it.best.net_gain, it.currency)
    if lowest_price is not None:
        sheet.price("lowest_price", lowest_price)
        sheet.percent("deepest", 1 - lowest_price / it.current_price)
    sheet.percent("interval", INTERVAL_LEVEL)
    sheet.add("objective", labels(language)["objective"][it.objective], None, "text")
    return sheet.facts


def _depth(sheet: Sheet, it: DepthOutcome, currency: str | None, suffix: str) -> None:
    sheet.percent(f"depth{suffix}", it.depth)
    sheet.price(f"promo_price{suffix}", it.price)
    sheet.price("cut", it.price / (1 - it.depth) - it.price)
    _totals(sheet, it.totals, currency, suffix="_promo")
    _signed_total(sheet, "gain", it.net_gain, currency)
    sheet.percent("chance", _chance(it.chance))


def _signed_total(sheet: Sheet, key: str, value: Interval, currency: str | None) -> None:
    sheet.total(key, value, decimals=total_decimals(currency, value.low, value.high), sign=True)


def price_test_facts(it: PriceTest, language: Language) -> list[Fact]:
    """A test's prices, length, cost and worth, and its first periods in order."""
    subject = f"{subject_of(it.sku, it.store)}.test"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="price_test")
    words = labels(language)["price_test"]
    sheet.price("current_price", it.current_price)
    for i, arm in enumerate(it.arms, start=1):
        sheet.price(f"arm.{i}", arm.price, label=words["arm"])
    length(sheet, it.periods, it.period)
    for key, periods in (("each", it.periods_per_price), ("for_elasticity", it.periods_for_elasticity)):
        if periods is not None:
            sheet.span(key, periods, it.period)
    sheet.total("cost", it.cost, decimals=total_decimals(it.currency, it.cost.low, it.cost.high))
    value = money(it.value_per_period, it.currency, language)
    sheet.add("value", value, it.value_per_period, it.currency or "money")
    sheet.percent("chance_changed", _chance(it.chance_changed))
    sheet.percent("power", it.power)
    if it.pays_back_after is not None:
        sheet.span("pays_back", it.pays_back_after, it.period)
    for i, slot in enumerate(it.schedule[:MOST_SLOTS], start=1):
        sheet.day(f"slot_date.{i}", slot.date, label=words["slot_date"])
        sheet.price(f"slot_price.{i}", slot.price, label=words["slot_price"])
    sheet.add("objective", labels(language)["objective"][it.objective], None, "text")
    return sheet.facts


def reference_facts(sku: str, it: ReferenceCheck, currency: str | None, language: Language) -> list[Fact]:
    """Which earlier price and percentage a cut may be announced with, and the prices that decide."""
    at = "" if it.planned_price is None else f".at_{it.planned_price:.6g}"
    sheet = Sheet(f"{sku}.reference.{it.profile}{at}", language, currency=currency, section="reference")
    sheet.price("reference_price", it.reference_price)
    sheet.price("planned_price", it.planned_price)
    sheet.price("was_price", it.was_price)
    if it.whole_percent is not None:
        sheet.percent("whole_percent", it.whole_percent / 100)
    days = (it.window_last - it.window_first).days + 1
    sheet.span("window", days, "day")
    sheet.day("start", it.start.isoformat())
    sheet.day("window_first", it.window_first.isoformat())
    sheet.day("window_last", it.window_last.isoformat())
    words = labels(language)["reference"]
    for i, span in enumerate(it.used, start=1):
        sheet.day(f"used_first.{i}", max(span.first, it.window_first).isoformat(), label=words["used_first"])
        sheet.price(f"used_price.{i}", span.price, label=words["used_price"])
    return sheet.facts


def target_facts(it: WhatWouldMake, language: Language) -> list[Fact]:
    """Which single change would make the policy recommend a price."""
    subject = f"{subject_of(it.sku, it.store)}.to_{it.price:.6g}"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="target")
    sheet.price("target", it.price)
    sheet.price("current_price", it.current_price)
    if it.abstained is None:
        sheet.price("recommended", it.recommended)
        sheet.price("model_price", it.model_price)
    sheet.price("without_rules", it.without_these)
    names = labels(language)["drivers"]
    for change in it.changes:
        for side, value in (
            ("now", change.now),
            ("needed", change.needed),
            ("low", change.tried[0]),
            ("high", change.tried[1]),
        ):
            if value is None:
                continue
            label = labels(language)["target"][side].format(input=names[change.name])
            if change.name == "stock":
                sheet.add(f"stock.{side}", quantity(value, language), value, "units", label)
            else:
                sheet.price(f"{change.name}.{side}", value, label=label)
        sheet.price(f"{change.name}.price", change.price, label=labels(language)["target"]["price"])
    return sheet.facts


def circumstances_facts(it: WhatIf, language: Language) -> list[Fact]:
    """What a what-if assumed, and its sums over several periods."""
    subject = f"{subject_of(it.sku, it.store)}.at_{it.at.price:.6g}"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="circumstances")
    if it.fee:
        sheet.percent("fee", it.fee)
    if it.shipping:
        sheet.price("shipping", it.shipping)
    if it.stock is not None:
        sheet.add("stock", quantity(it.stock, language), it.stock, "units")
    sheet.percent("chance", _chance(it.chance))
    _span(sheet, it.dates, it.end, it.period)
    if len(it.dates) > 1:
        for side, totals in (("at", it.total_at), ("keep", it.total_keep)):
            _totals(sheet, totals, it.currency, suffix=f"_total_{side}")
        _signed_total(sheet, "gain_total", it.total_gain, it.currency)
    return sheet.facts
