"""Forecasts of units, revenue and profit over the periods ahead, product by product and summed over many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from policy.decision.evidence import Evidence, weigh
from policy.decision.given import QuestionError
from policy.decision.joint import drawn_units, interval_of
from policy.decision.outcomes import Totals
from policy.decision.product import window_of
from policy.decision.recommend import Label, search_range
from policy.decision.recommendation import Interval
from policy.decision.situation import Situation, known, posterior_by_period, situation_of
from policy.history import Period
from policy.model.future import MOST_AHEAD
from policy.model.panel import Panel
from policy.model.pool import FittedRows
from policy.model.transformer import PolicyModel

DRAWS = 1000
"""Paths drawn of each product: an 80 % interval's ends are then off by about 3 % of its width."""

SEED = 60_110

LeftOutCode = Literal["stale_data", "too_little_history", "out_of_stock", "too_far"]
"""Why a product is not forecast; `too_far` where its sales end so long before the others' that the periods
asked for are out of reach."""

Given = Mapping[str, float | Sequence[float]]
"""By sku: one value for all periods, or one a period."""


@dataclass(frozen=True, kw_only=True)
class PeriodForecast:
    """One period of a product or of a sum."""

    date: str
    """First day, ISO 8601."""
    units: Interval
    revenue: Interval
    profit: Interval | None


@dataclass(frozen=True, kw_only=True)
class ProductForecast:
    """One product over all periods, with 80 % intervals of what will be sold, chance of the day included."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    prices: tuple[float, ...]
    """Charged in each period, store currency."""
    unit_cost: float | None
    total: Totals
    by_period: tuple[PeriodForecast, ...]
    cautions: tuple[str, ...]
    """`stock_below_forecast` (what is on hand does not last, and the forecast is of demand),
    `outside_known_range`, `price_never_varied`, `cost_missing`."""


@dataclass(frozen=True, kw_only=True)
class ForecastSum:
    """Sum over the products of one currency.

    Its intervals take products as independent of each other. What moves all of a shop's sales at once
    (weather, a rival's opening, a lost advertisement) is not in them: they are too narrow by as much.
    """

    currency: str | None
    products: int
    without_cost: int
    """Products that are in units and revenue and missing from profit."""
    total: Totals
    """Its `profit` is None where no product has a cost."""
    by_period: tuple[PeriodForecast, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A product that is not forecast, and why."""

    sku: str
    store: str | None
    name: str | None
    reason: LeftOutCode


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Units, revenue and profit ahead."""

    period: Period
    dates: tuple[str, ...]
    """First day of each period, ISO 8601."""
    end: str
    """Last day of the last of them."""
    products: tuple[ProductForecast, ...]
    sums: tuple[ForecastSum, ...]
    """One a currency."""
    left_out: tuple[LeftOut, ...]


def foresee(
    network: PolicyModel,
    panel: Panel,
    labels: list[Label],
    *,
    periods: int | None = None,
    start: str | Date | None = None,
    until: str | Date | None = None,
    skus: Sequence[str] | None = None,
    prices: Given | None = None,
    unit_costs: Given | None = None,
    competitor_prices: Given | None = None,
    promos: Given | None = None,
    adapters: FittedRows | None = None,
) -> Forecast:
    """Forecast the next periods of a panel's products, at present prices or at given ones.

    Means are exact under the posterior. Intervals come from joint draws (`policy.decision.joint`): within a
    product the demand curve is drawn once for all periods; across products draws are independent. Costs,
    competitors' prices and promotions stay as they were last (no promotion), but for what is given.
    Forecasts are of demand: stock on hand does not limit them, since what will be ordered is not known.

    Parameters
    ----------
    periods, start, until
        As in `policy.decision.product.window_of`, after the newest period of the whole table; 1 by default.
    skus
        Products to forecast; all by default.
    prices, unit_costs, competitor_prices
        Store currency.
    promos
        In [0, 1].

    Raises
    ------
    QuestionError
        A sku is unknown, or dates or periods are not those that forecasts reach.
    """
    given = {"price": prices, "cost": unit_costs, "competitor_price": competitor_prices, "promo": promos}
    _require_known(panel, skus, given)
    evidence = weigh(panel)
    lag = _behind(panel)
    asked = np.array([skus is None or sku in skus for _, sku in panel.keys])
    window = window_of(panel.take(np.array([int(lag.argmin())])), periods=periods, start=start, until=until)
    reasons = [_reason(evidence, row, int(lag[row]) + window.reach) for row in range(len(panel))]
    rows = np.flatnonzero(asked & np.array([reason is None for reason in reasons]))
    left_out = tuple(
        LeftOut(sku=panel.keys[row][1], store=panel.keys[row][0], name=labels[row].name, reason=reason)
        for row, reason in enumerate(reasons)
        if asked[row] and reason is not None
    )
    dates, end = window.dates, window.end
    if not len(rows):
        return Forecast(period=panel.period, dates=dates, end=end, products=(), sums=(), left_out=left_out)
    reach = int(lag[rows].max()) + window.reach
    situation = situation_of(
        panel.take(rows),
        maximise_profit=True,
        horizon=reach,
        adapters=None if adapters is None else adapters.take(rows),
    )
    # (B, H): which of the periods read are meant
    ahead = lag[rows][:, None] + np.arange(window.first, window.reach)
    situation = _with_given(situation, [panel.keys[row][1] for row in rows], given, ahead)
    (posterior,) = posterior_by_period(network, [situation])
    products, sums = [], _Sums(dates)
    for i, row in enumerate(rows):
        price, cost = situation.future.price[i, ahead[i]], situation.future.cost[i, ahead[i]]
        own = posterior.take(i * reach + ahead[i])
        store, sku = panel.keys[row]
        rng = np.random.default_rng([SEED, crc32(repr((store, sku)).encode())])
        units = drawn_units(own, price, draws=DRAWS, rng=rng)
        mean = own.mean_units(price[:, None])[:, 0]
        has_cost = bool(np.isfinite(cost).all())
        total, by_period = _added_up(dates, units, mean, price, price - cost if has_cost else None)
        sums.add(labels[row].currency, units, mean, price, price - cost if has_cost else None)
        products.append(
            ProductForecast(
                sku=sku,
                store=store,
                name=labels[row].name,
                currency=labels[row].currency,
                prices=tuple(float(p) for p in price),
                unit_cost=known(cost[0]),
                total=total,
                by_period=by_period,
                cautions=_cautions(evidence, int(row), panel, price, has_cost, total.units.mean),
            )
        )
    return Forecast(
        period=panel.period,
        dates=dates,
        end=end,
        products=tuple(products),
        sums=sums.found(),
        left_out=left_out,
    )


def _require_known(panel: Panel, skus: Sequence[str] | None, given: Mapping[str, Given | None]) -> None:
    named = [*(skus or ()), *(sku for values in given.values() for sku in values or ())]
    if unknown := sorted(set(named) - {sku for _, sku in panel.keys}):
        raise QuestionError(
            "unknown_products",
            "{count} products asked about are not in the history, the first is '{sku}'; check the skus.",
            count=len(unknown),
            sku=unknown[0],
        )


def _behind(panel: Panel) -> NDArray:
    """How many periods each product's last one lies before the newest of the table, shape (B,)."""
    newest = panel.history.day[:, -1].max()
    return (panel.next_periods(MOST_AHEAD, price=np.ones(len(panel))).day <= newest).sum(axis=1)


def _reason(evidence: Evidence, row: int, reach: int) -> LeftOutCode | None:
    code = evidence.abstain[row]
    if code == "stale_data" or code == "too_little_history" or code == "out_of_stock":
        return code
    return "too_far" if reach > MOST_AHEAD else None


def _with_given(
    situation: Situation, skus: list[str], given: Mapping[str, Given | None], ahead: NDArray
) -> Situation:
    """The situation with given paths written over its own in the periods meant."""
    paths = {}
    for name, values in given.items():
        if not values:
            continue
        path = getattr(situation.future, name).copy()
        for i, sku in enumerate(skus):
            if sku in values:
                path[i, ahead[i]] = _checked(name, sku, values[sku], ahead.shape[1])
        paths[name] = path
    return replace(situation, future=replace(situation.future, **paths))


def _checked(name: str, sku: str, value: float | Sequence[float], periods: int) -> NDArray:
    found = np.atleast_1d(np.asarray(value, dtype=float))
    good = (found >= 0) & (found <= 1) if name == "promo" else np.isfinite(found) & (found > 0)
    if found.shape not in ((1,), (periods,)) or not good.all():
        raise QuestionError(
            "not_a_path",
            "The {name} of '{sku}' must be one {kind} or {periods} of them, got {value!r}.",
            name=name.replace("_", " "),
            sku=sku,
            kind="number in [0, 1]" if name == "promo" else "positive number",
            periods=periods,
            value=value,
        )
    return found


def _cautions(
    evidence: Evidence, row: int, panel: Panel, price: NDArray, has_cost: bool, units: float
) -> tuple[str, ...]:
    low, high = (float(end[row]) for end in search_range(evidence))
    on_hand = known(panel.last_known("stock")[row])
    codes = {
        "stock_below_forecast": on_hand is not None and on_hand < units,
        "outside_known_range": bool(((price < low) | (price > high)).any()),
        "price_never_varied": evidence.abstain[row] == "price_never_varied",
        "cost_missing": not has_cost,
    }
    return tuple(code for code, holds in codes.items() if holds)


def _added_up(
    dates: tuple[str, ...], units: NDArray, mean: NDArray, price: NDArray, margin: NDArray | None
) -> tuple[Totals, tuple[PeriodForecast, ...]]:
    """Sums and single periods of one product: units (D, H), their exact mean (H,), price and unit profit."""
    drawn = {"units": units, "revenue": units * price}
    exact = {"units": mean, "revenue": mean * price}
    if margin is not None:
        drawn["profit"], exact["profit"] = units * margin, mean * margin
    return _intervals(dates, drawn, exact)


def _intervals(
    dates: tuple[str, ...], drawn: Mapping[str, NDArray], exact: Mapping[str, NDArray]
) -> tuple[Totals, tuple[PeriodForecast, ...]]:
    """Intervals of draws (D, H) with exact means (H,), for the sum over periods and for each."""
    total = {name: interval_of(d.sum(axis=1), float(exact[name].sum())) for name, d in drawn.items()}
    periods = [
        {name: interval_of(d[:, h], float(exact[name][h])) for name, d in drawn.items()}
        for h in range(len(dates))
    ]
    return (
        Totals(units=total["units"], revenue=total["revenue"], profit=total.get("profit")),
        tuple(
            PeriodForecast(date=date, units=p["units"], revenue=p["revenue"], profit=p.get("profit"))
            for date, p in zip(dates, periods, strict=True)
        ),
    )


class _Sums:
    """Adds products up by currency."""

    def __init__(self, dates: tuple[str, ...]) -> None:
        self._dates = dates
        self._drawn: dict[str | None, dict[str, NDArray]] = {}
        self._exact: dict[str | None, dict[str, NDArray]] = {}
        self._counts: dict[str | None, tuple[int, int]] = {}

    def add(
        self, currency: str | None, units: NDArray, mean: NDArray, price: NDArray, margin: NDArray | None
    ) -> None:
        factors = {"units": np.ones_like(price), "revenue": price}
        if margin is not None:
            factors["profit"] = margin
        drawn, exact = self._drawn.setdefault(currency, {}), self._exact.setdefault(currency, {})
        for name, factor in factors.items():
            drawn[name] = drawn.get(name, 0.0) + units * factor
            exact[name] = exact.get(name, 0.0) + mean * factor
        products, without = self._counts.get(currency, (0, 0))
        self._counts[currency] = products + 1, without + (margin is None)

    def found(self) -> tuple[ForecastSum, ...]:
        sums = []
        for currency, (products, without) in self._counts.items():
            total, by_period = _intervals(self._dates, self._drawn[currency], self._exact[currency])
            sums.append(
                ForecastSum(
                    currency=currency,
                    products=products,
                    without_cost=without,
                    total=total,
                    by_period=by_period,
                )
            )
        return tuple(sums)
