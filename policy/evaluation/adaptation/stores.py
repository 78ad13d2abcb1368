"""Simulated stores: products that share what the training prior does not have, and markets that go on.

A store draws hyperparameters of its own, off the centre of the training prior and far narrower: how its
buyers answer to price, how noisy its sales are, what a promotion adds. Sellers price by their own habits
(`LoggingPolicies`) up to today and go on so; however much of the past a method is shown, it is judged on the
same coming periods.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from policy.decision.choice import best_price
from policy.decision.policies import best_known_price
from policy.evaluation.benchmark import FRESH_PRIOR
from policy.evaluation.elasticity import DEFINED, SPAN
from policy.forecast.windows import LEVELS
from policy.market import LoggingPolicies, Prior, Simulator, simulate_log
from policy.market.trajectory import Trajectory
from policy.model.posterior import Posterior
from policy.model.transformer import GRID

TRIED = (0.8, 0.9, 1.1, 1.2)
"""Prices that were not charged, over the last price before today."""

_GRID = GRID.double().numpy()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Ranges from which a store draws what its products share."""

    name: str
    log_elasticity: tuple[float, float]
    """Of the centre, uniform; products lie about it with `ELASTICITY_SD`."""
    dispersion: tuple[float, float]
    """Of the centre, log-uniform, as of the two below; products lie within a factor of `NARROW` of it."""
    shock_sd: tuple[float, float]
    walk_sd: tuple[float, float]
    promo_lift: tuple[float, float]
    """Of the mean, uniform; products lie about it with `LIFT_SD`."""
    season_sd: tuple[float, float]
    """Of the standard deviation of the yearly harmonic's amplitude, uniform."""
    cost_ratio: tuple[float, float]


ELASTICITY_SD, LIFT_SD, NARROW = 0.2, 0.1, 1.3

KINDS = (
    Kind(
        name="elastic buyers, steady sales",
        log_elasticity=(1.3, 1.9),
        dispersion=(0.005, 0.02),
        shock_sd=(0.03, 0.08),
        walk_sd=(0.003, 0.01),
        promo_lift=(0.6, 0.9),
        season_sd=(0.05, 0.15),
        cost_ratio=(0.6, 0.9),
    ),
    Kind(
        name="inelastic buyers, noisy sales",
        log_elasticity=(-0.4, 0.0),
        dispersion=(0.6, 1.2),
        shock_sd=(0.3, 0.5),
        walk_sd=(0.01, 0.03),
        promo_lift=(0.0, 0.2),
        season_sd=(0.05, 0.15),
        cost_ratio=(0.3, 0.6),
    ),
    Kind(
        name="strong promotions and seasons",
        log_elasticity=(0.2, 0.6),
        dispersion=(0.03, 0.1),
        shock_sd=(0.08, 0.2),
        walk_sd=(0.003, 0.01),
        promo_lift=(1.0, 1.5),
        season_sd=(0.4, 0.6),
        cost_ratio=(0.3, 0.6),
    ),
)


def store_prior(kind: Kind, rng: np.random.Generator) -> Prior:
    """The prior of one store: weekly sales of usual volumes, never out of stock, no intermittent products;
    all that a kind does not name is as in training."""

    def narrow(bounds: tuple[float, float]) -> tuple[float, float]:
        centre = float(np.exp(rng.uniform(*np.log(bounds))))
        return centre / NARROW, centre * NARROW

    level = float(rng.uniform(2.8, 3.8))
    return replace(
        FRESH_PRIOR,
        log_elasticity=(float(rng.uniform(*kind.log_elasticity)), ELASTICITY_SD),
        steep_chance=0.0,
        dispersion=narrow(kind.dispersion),
        shock_sd=narrow(kind.shock_sd),
        walk_sd=narrow(kind.walk_sd),
        promo_lift=(float(rng.uniform(*kind.promo_lift)), LIFT_SD),
        season_sd=(0.0, float(rng.uniform(*kind.season_sd))),
        cost_ratio=kind.cost_ratio,
        log_units=(level, 0.6),
        large_log_units=(level - 0.6, level + 0.6),
        intermittent_chance=0.0,
        period_chances=(0.0, 1.0, 0.0),
    )


@dataclass(frozen=True)
class Store:
    """B products with T periods behind them and H before them."""

    name: str
    history: Trajectory
    """What sellers did until today, (B, T). No record of traffic, as most stores have none."""
    coming: Trajectory
    """The periods ahead as they are known today: date, price and promotion; cost and competitor's price as
    last known; no units. Shape (B, H)."""
    sold: NDArray[np.float64]
    """Units then sold, shape (B, H)."""
    tried: NDArray[np.float64]
    """Prices that were not charged, currency, shape (B, P)."""
    mean_tried: NDArray[np.float64]
    """True mean units at those in each period ahead, shape (B, H, P)."""
    elasticity: NDArray[np.float64]
    """True, at today's price in the next period, negative, shape (B,)."""
    known: Posterior
    """The posterior of one who knows the markets: their curves, tabulated, B * H rows of one component."""
    today: Simulator
    """The markets as they stand before the next period."""

    def __len__(self) -> int:
        return len(self.sold)

    @property
    def horizon(self) -> int:
        """Periods ahead, H."""
        return self.sold.shape[1]

    def recent(self, periods: int) -> Trajectory:
        """The last periods before today."""
        total = self.history.price.shape[1]
        return self.history.window(total - periods, total)

    def table(self, periods: int) -> pd.DataFrame:
        """The last periods as a canonical table."""
        recent = self.recent(periods)
        b = len(self)
        columns = {
            name: getattr(recent, name).ravel()
            for name in ("price", "units", "cost", "competitor_price", "promo")
        }
        sku = np.repeat([f"{i:04d}" for i in range(b)], periods)
        date = recent.day.ravel().astype("datetime64[D]").astype("datetime64[ns]")
        return pd.DataFrame({"store": "", "sku": sku, "series": sku, "date": date} | columns)


def open_store(kind: Kind, *, seed: int, products: int, periods: int, ahead: int) -> Store:
    """Draw a store and let its sellers sell; it depends on kind, sizes and seed alone."""
    rng = np.random.default_rng(seed)
    markets = store_prior(kind, rng).sample(rng, products, periods + ahead)
    simulator, sellers = Simulator(markets, rng), LoggingPolicies(markets, rng)
    history, _ = simulate_log(simulator, sellers, periods)
    history = replace(history, views=np.full_like(history.views, np.nan))
    price_now = history.price[:, -1]
    tried = price_now[:, None] * np.array(TRIED)
    grid = markets.reference_price[:, None] * np.exp(_GRID)
    names = ("price", "promo", "day", "sold", "tried", "grid")
    paths: dict[str, list[NDArray]] = {name: [] for name in names}
    simulator.set_promo(sellers.promo(simulator.t))
    today = deepcopy(simulator, {id(markets): markets})
    slope = simulator.log_mean_units(price_now[:, None] * np.exp([-SPAN, SPAN]))
    for h in range(ahead):
        if h:
            simulator.set_promo(sellers.promo(simulator.t))
        seen = simulator.observation()
        price = sellers.act(seen)
        log_mean = simulator.log_mean_units(np.concatenate([tried, grid], axis=1))
        outcome = simulator.step(price)
        at_tried, at_grid = np.split(log_mean, [len(TRIED)], axis=1)
        values = (price, seen.promo, seen.day, outcome.units, np.exp(at_tried), at_grid)
        for name, value in zip(names, values, strict=True):
            paths[name].append(value)
    stacked = {name: np.stack(path, axis=1) for name, path in paths.items()}
    unknown = np.full((products, ahead), np.nan)
    held = {n: np.repeat(getattr(history, n)[:, -1:], ahead, axis=1) for n in ("cost", "competitor_price")}
    coming = Trajectory(
        price=stacked["price"],
        promo=stacked["promo"],
        day=stacked["day"],
        units=unknown,
        views=unknown,
        stock=unknown,
        period=history.period,
        **held,
    )
    rows = products * ahead
    known = Posterior(
        weights=np.ones((rows, 1)),
        log_units=stacked["grid"].reshape(rows, 1, -1),
        dispersion=np.repeat(markets.dispersion, ahead)[:, None],
        log_price=np.repeat(np.log(markets.reference_price), ahead),
    )
    return Store(
        name=kind.name,
        history=history,
        coming=coming,
        sold=stacked["sold"],
        tried=tried,
        mean_tried=stacked["tried"],
        elasticity=(slope[:, 1] - slope[:, 0]) / (2 * SPAN),
        known=known,
        today=today,
    )


def with_coming(history: Trajectory, coming: Trajectory) -> Trajectory:
    """Histories with the periods ahead after them."""
    paths = {
        f.name: np.concatenate([getattr(history, f.name), getattr(coming, f.name)], axis=1)
        for f in fields(Trajectory)
        if f.name != "period"
    }
    return Trajectory(period=history.period, **paths)


MEASURES = {
    "wql": "quantile loss of sales ahead",
    "units_error": "error of mean units at untried prices",
    "elasticity_error": "error of elasticity",
    "captured": "profit captured",
}
"""Fields of `Measured` and what they are called; lower is better in all but the last."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How good a posterior is, by product, shape (B,) each."""

    wql: NDArray[np.float64]
    """Quantile loss over the periods ahead, at the prices charged: the mean of 2 x pinball loss, mean over
    levels, over the product's mean units in its history, which a price rise does not bring near zero."""
    units_error: NDArray[np.float64]
    """Mean absolute error of log(mean units + 1/2) at `TRIED` prices over the periods ahead."""
    elasticity_error: NDArray[np.float64]
    """Absolute error of the log of elasticity's size at today's price; NaN where there is none."""
    captured: NDArray[np.float64]
    """True expected profit of the next period at the posterior's best price over that at the true best."""


def measure(store: Store, posterior: Posterior) -> Measured:
    """Judge a posterior of B * H rows, product by product."""
    b, h = store.sold.shape
    charged = store.coming.price.reshape(-1, 1)
    quantiles = posterior.quantiles(charged, LEVELS).reshape(b, h, len(LEVELS))
    levels = np.array(LEVELS)
    error = store.sold[:, :, None] - quantiles
    loss = 2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=2)
    tried = posterior.mean_units(np.repeat(store.tried, h, axis=0)).reshape(b, h, -1)
    next_period = posterior.take(np.arange(b) * h)
    slope = np.clip(next_period.elasticity(store.history.price[:, -1], span=SPAN)[0], *DEFINED)
    defined = (store.elasticity > DEFINED[0]) & (store.elasticity < DEFINED[1])
    true_slope = np.where(defined, store.elasticity, np.nan)
    seen = store.today.observation()
    price = best_price(
        next_period, unit_cost=seen.unit_cost, stock=seen.stock, low=seen.price_low, high=seen.price_high
    )
    pair = np.stack([price, best_known_price(store.today)], axis=1)
    profit = store.today.expected_profit(pair)
    return Measured(
        wql=loss.mean(axis=1) / (store.history.units.mean(axis=1) + 0.5),
        units_error=np.abs(np.log((tried + 0.5) / (store.mean_tried + 0.5))).mean(axis=(1, 2)),
        elasticity_error=np.abs(np.log(slope / true_slope)),
        captured=np.maximum(profit[:, 0] / profit[:, 1], -1.0),
    )
