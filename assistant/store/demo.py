"""The demo shop: two years of weekly sales that our own simulator made, with the traps that real shops have.

The catalogue is data (`demo_catalogue.csv`): what a product costs, how it sells, and what is odd about it. A
cost is missing, a price never changed, a product is nine days old, one is sold out, one is nearly so, one
has an instruction for a name. Here are the shop's habits: how it set prices, when it ran promotions, when
goods came in.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assistant.store.ingest import ImportResult
from assistant.store.store import Store
from policy.history import canonical_history
from policy.market import FAMILIES, DemandCurves, Markets, Simulator

LAST_WEEK = "2026-11-16"
"""Monday of the last week of sales; fixed, so that the shop is the same whenever it is made."""
WEEKS = 104
CURRENCY = "USD"
ACTOR = "demo"
RULES = {"max_change": 0.20, "min_margin": 0.10, "allow_below_cost": False}
"""Of the whole shop."""

_CATALOGUE = Path(__file__).with_name("demo_catalogue.csv")
_QUIET_WEEKS = 3  # the newest weeks bring no promotion and no new price, except where the catalogue says so
_SOLD_OUT_WEEKS = 3
_PROMOTIONS = {1: 0.20, 2: 0.20, 15: 0.15, 27: 0.20, 28: 0.20, 48: 0.25}
"""Calendar weeks of shop-wide promotions (New Year, Easter, summer, Black Friday) and their usual depth."""
_PRICED_TOGETHER = {"MUG-CER-350B": "MUG-CER-350W", "SOC-MER-L": "SOC-MER-M"}
"""Variants of one article, and the one whose price they share."""


@dataclass(frozen=True, kw_only=True)
class _Article:
    """A row of the catalogue. Money in `CURRENCY`; None where a cell is empty."""

    sku: str
    name: str
    category: str
    price: float
    cost: float | None
    stock: float
    """Units on hand at the start of the last week."""
    competitor_price: float | None
    minimum_advertised_price: float | None
    weekly_units: float
    """Mean units per week at today's price, over the year."""
    family: str
    """Demand family of `policy.market`."""
    elasticity: float
    season: str
    """`gift`, `christmas`, `winter`, `summer`, or empty."""
    habit: str
    """How its price was set: `reviews`, `sales` (mostly promotions) or `never`."""
    first_week: str | None
    """Monday of its launch, where it is new."""
    price_before: float | None
    price_since: str | None
    """Monday since which it costs what it costs, and `price_before` in the four weeks before."""
    aliases: tuple[str, ...]


def create_demo(store: Store, *, seed: int = 7) -> ImportResult:
    """Fill a store with the demo shop: sales, other names, rules. Doing it twice changes nothing."""
    articles = _catalogue()
    content_hash = hashlib.sha256(_CATALOGUE.read_bytes() + f" seed {seed}".encode()).hexdigest()
    result = store.import_history(
        demo_history(seed=seed), source="demo shop", content_hash=content_hash, actor=ACTOR
    )
    store.add_aliases({a.sku: a.aliases for a in articles}, actor=ACTOR)
    store.set_rules(RULES, scope="store", actor=ACTOR)
    for article in articles:
        if article.minimum_advertised_price is not None:
            own = {"minimum_advertised_price": article.minimum_advertised_price}
            store.set_rules(own, scope="product", key=article.sku, actor=ACTOR)
    return result


def demo_history(*, seed: int = 7) -> pd.DataFrame:
    """The demo shop's canonical history; the same seed gives the same table."""
    articles = _catalogue()
    weeks = pd.date_range(end=LAST_WEEK, periods=WEEKS, freq="7D")
    rng = np.random.default_rng(seed)
    cost = _costs(articles, rng)
    competitor = _competitors(articles, rng)
    price, promo = _prices(articles, weeks, rng)
    simulator = Simulator(_markets(articles, weeks, cost, competitor, rng), rng, promo=promo)
    demand = np.stack([simulator.step(price[:, t]).demand for t in range(WEEKS)], axis=1)

    launch = np.array([_week(a.first_week, weeks) if a.first_week else -1 for a in articles])
    week = np.arange(WEEKS)
    # A launch falls on a Saturday: two days of sales in its first week.
    demand = np.where(week == launch[:, None], np.round(demand * 2 / 7), demand)
    stock, units = _stock(np.array([a.stock for a in articles]), demand)

    product, week = np.nonzero(week >= launch[:, None])
    competitor_price = competitor * _numbers([a.competitor_price for a in articles])[:, None]
    table = pd.DataFrame(
        {
            "sku": np.array([a.sku for a in articles])[product],
            "date": weeks[week],
            "price": price[product, week],
            "units": units[product, week],
            "cost": cost[product, week],
            "stock": stock[product, week],
            "competitor_price": competitor_price[product, week].round(2),
            "promo": promo[product, week],
            "category": np.array([a.category for a in articles])[product],
            "name": np.array([a.name for a in articles])[product],
            "currency": CURRENCY,
        }
    )
    return canonical_history(table, period="week")[0]


def _catalogue() -> list[_Article]:
    words = ("sku", "name", "category", "family", "season", "habit", "first_week", "price_since", "aliases")
    articles = []
    with _CATALOGUE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cells: dict[str, Any] = {k: float(v) if v and k not in words else v for k, v in row.items()}
            cells |= {k: None for k, v in row.items() if not v and k != "season"}
            cells["aliases"] = tuple(alias.strip() for alias in row["aliases"].split(";"))
            articles.append(_Article(**cells))
    return articles


def _week(date: str, weeks: pd.DatetimeIndex) -> int:
    return int((pd.Timestamp(date) - weeks[0]).days // 7)


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    """NaN where None, shape (B,)."""
    return np.array(values, dtype=np.float64)


def _costs(articles: list[_Article], rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit cost in currency, up to two rises on the way to today's, NaN where unknown, shape (B, T)."""
    n = len(articles)
    rise = rng.uniform(0.02, 0.06, (n, 2)) * (rng.random((n, 2)) < 0.6)
    week = rng.integers(12, WEEKS - 12, (n, 2))
    before = np.arange(WEEKS) < week[..., None]  # (B, 2, T)
    factor = np.where(before, 1 - rise[..., None], 1.0).prod(axis=1)
    # To the ten cents, and exactly to the catalogue's from the last rise on.
    today = _numbers([a.cost for a in articles])[:, None]
    return np.where(factor == 1.0, today, np.round(today * factor, 1))


def _competitors(articles: list[_Article], rng: np.random.Generator) -> NDArray[np.float64]:
    """Competitors' prices over today's, a new one every few weeks, shape (B, T)."""
    path = np.ones((len(articles), WEEKS))
    for row in path:
        changes = np.sort(rng.choice(np.arange(6, WEEKS - 2), 14, replace=False))
        for start, stop in zip(np.r_[0, changes[:-1]], changes, strict=True):
            row[start:stop] = np.round(1 + rng.normal(0.01, 0.06), 2)
    return path


def _prices(
    articles: list[_Article], weeks: pd.DatetimeIndex, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prices charged and promotions in {0, 1}, shapes (B, T).

    A product that is reviewed gets a new price every ten weeks or so, up or down by up to an eighth; all
    but those that never change run promotions. Prices move by whole or half units of currency.
    """
    price = np.repeat(_numbers([a.price for a in articles])[:, None], WEEKS, axis=1)
    promo = np.zeros(price.shape)
    calendar = weeks.isocalendar()["week"].to_numpy()
    place = {a.sku: i for i, a in enumerate(articles)}
    for i, article in enumerate(articles):
        if article.habit == "never":
            continue
        size = 0.125 if article.habit == "reviews" else 0.04
        step = 0.5 if article.price < 20 else 1.0
        reviews = np.unique(np.r_[0, np.cumsum(rng.integers(6, 14, 16))])
        reviews = reviews[reviews < WEEKS - 8]
        for start, stop in zip(reviews, [*reviews[1:], WEEKS - _QUIET_WEEKS], strict=True):
            price[i, start:stop] += np.round(rng.uniform(-size, size) * article.price / step) * step
        own = rng.choice(WEEKS - 8, 8 if article.habit == "sales" else 3, replace=False)
        shared = np.flatnonzero(np.isin(calendar, list(_PROMOTIONS)) & (rng.random(WEEKS) < 0.7))
        depth = {t: _PROMOTIONS[calendar[t]] for t in shared} | {t: rng.uniform(0.1, 0.25) for t in own}
        for t, cut in depth.items():
            if t < WEEKS - _QUIET_WEEKS:
                price[i, t] -= max(1.0, np.round(cut * article.price / step) * step)
                promo[i, t] = 1.0
        if article.price_since is not None:
            since = _week(article.price_since, weeks)
            price[i, since:], price[i, since - 4 : since] = article.price, article.price_before
            promo[i, since - 4 :] = 0.0
        if article.minimum_advertised_price is not None:
            price[i] = np.maximum(price[i], article.minimum_advertised_price)
    for variant, twin in _PRICED_TOGETHER.items():
        price[place[variant]], promo[place[variant]] = price[place[twin]], promo[place[twin]]
    return price.round(2), promo


def _markets(
    articles: list[_Article],
    weeks: pd.DatetimeIndex,
    cost: NDArray[np.float64],
    competitor: NDArray[np.float64],
    rng: np.random.Generator,
) -> Markets:
    """The shop's products as markets of the simulator; stock is kept by `_stock`."""
    n = len(articles)
    price = _numbers([a.price for a in articles])
    rival = _numbers([a.competitor_price for a in articles])
    elasticity = _numbers([a.elasticity for a in articles])
    shock = rng.normal(0.0, 0.1, (n, WEEKS))
    for t in range(1, WEEKS):  # AR(1) with a stationary deviation of 10 %
        shock[:, t] = 0.6 * shock[:, t - 1] + 0.8 * shock[:, t]
    trend = rng.normal(0.0, 0.05, (n, 1)) * np.linspace(-1, 1, WEEKS)
    season = np.stack([_season(a.season, weeks) for a in articles])
    level = np.log(_numbers([a.weekly_units for a in articles]))[:, None] + trend + season + shock
    return Markets(
        demand=DemandCurves(
            family=np.array([FAMILIES.index(a.family) for a in articles]),
            elasticity=elasticity,
            cross_elasticity=np.where(np.isnan(rival), 0.0, 0.4 * elasticity),
            share=np.full(n, 0.3),
            competitor_share=np.where(np.isnan(rival), 1e-6, 0.3),
            kink=np.ones(n),
            second_share=np.full(n, 0.5),
            first_weight=np.full(n, 0.5),
        ),
        reference_price=price,
        price_low=0.5 * price,
        price_high=2.0 * price,
        log_level=level,
        shock=shock,
        sensitivity=np.ones((n, WEEKS)),
        reference_effect=np.zeros(n),
        reference_memory=np.zeros(n),
        pantry_effect=np.zeros(n),
        pantry_memory=np.zeros(n),
        unit_cost=cost,
        competitor=competitor,
        competitor_price=rival,
        following=np.zeros(n),
        promo_lift=np.full(n, 0.15),
        views=np.exp(level),
        dispersion=np.full(n, 0.03),
        zero_chance=np.zeros(n),
        order_up_to=np.full(n, np.inf),
        replenish_chance=np.zeros(n),
        period=np.ones(n, dtype=np.int64),
        start_day=np.full(n, weeks[0].to_numpy().astype("datetime64[D]").astype(np.int64)),
    )


def _season(kind: str, weeks: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Log of demand over its usual level, shape (T,). Gifts sell before Christmas, garden lamps in June."""
    day = weeks.day_of_year.to_numpy()
    before_christmas = np.exp(-0.5 * ((day - 346) / 12) ** 2)
    winter = np.cos(2 * np.pi * (day - 10) / 365.25)
    return {
        "": 0.05 * winter,
        "gift": 0.6 * before_christmas,
        "christmas": 1.2 * before_christmas + 1.1 * winter - 0.4,
        "winter": 0.35 * winter,
        "summer": -0.6 * winter,
    }[kind]


def _stock(today: NDArray[np.float64], demand: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Units on hand at the start of each week and units sold, shapes (B, T).

    Walks back from the stock at the start of the last week, `today` (B,): a week began with what was left
    plus what it sold. Where that is more than the shop would hold, a delivery had come in between.
    """
    units = demand.copy()
    units[today == 0, -_SOLD_OUT_WEEKS:] = 0.0
    units[:, -1] = np.minimum(units[:, -1], today)
    stock = np.empty_like(units)
    stock[:, -1] = today
    most = np.maximum(1.15 * today, 8 * demand.mean(axis=1))
    for t in range(units.shape[1] - 2, -1, -1):
        stock[:, t] = stock[:, t + 1] + units[:, t]
        delivered = stock[:, t] > most
        low = units[:, t] + np.round(0.2 * most)
        stock[:, t] = np.where(delivered, np.minimum(stock[:, t], low), stock[:, t])
    return stock, units
