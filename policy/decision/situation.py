"""The situation to be priced: histories, and what is assumed of the periods ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.market.trajectory import Trajectory
from policy.model.inference import infer_futures
from policy.model.panel import Panel
from policy.model.pool import FittedRows
from policy.model.posterior import Posterior
from policy.model.transformer import GRID, PolicyModel


@dataclass(frozen=True, kw_only=True)
class Situation:
    """B products about to be priced for one or more periods at one price. Currency and units; shapes (B,)."""

    history: Trajectory
    future: Trajectory
    """The periods ahead, without units."""
    start_price: NDArray[np.float64]
    current_price: NDArray[np.float64]
    unit_cost: NDArray[np.float64]
    """NaN where unknown."""
    competitor_price: NDArray[np.float64]
    """NaN where unknown."""
    stock: NDArray[np.float64]
    """Units on hand per period ahead, NaN where it does not limit sales."""
    maximise_profit: bool
    adapters: FittedRows | None = None
    """Those that read the products; None where the model alone does."""

    @property
    def objective_cost(self) -> NDArray:
        """Unit cost that counts in the objective: 0 where revenue is maximised, shape (B,)."""
        if not self.maximise_profit:
            return np.zeros_like(self.current_price)
        return np.where(np.isfinite(self.unit_cost), self.unit_cost, 0.0)

    def take(self, index: NDArray) -> Situation:
        """The products at `index`."""
        paths = ("start_price", "current_price", "unit_cost", "competitor_price", "stock")
        return replace(
            self,
            history=self.history.take(index),
            future=self.future.take(index),
            adapters=None if self.adapters is None else self.adapters.take(index),
            **{name: getattr(self, name)[index] for name in paths},
        )

    def with_future(
        self,
        *,
        cost: NDArray | None = None,
        competitor_price: NDArray | None = None,
        stock: NDArray | None = None,
    ) -> Situation:
        """The same histories with another cost, competitor's price or stock ahead, shape (B,)."""
        ones = np.ones_like(self.future.price)
        new = self
        if cost is not None:
            new = replace(new, unit_cost=cost, future=replace(new.future, cost=cost[:, None] * ones))
        if competitor_price is not None:
            path = competitor_price[:, None] * ones
            new = replace(
                new, competitor_price=competitor_price, future=replace(new.future, competitor_price=path)
            )
        if stock is not None:
            path = stock[:, None] * ones
            new = replace(new, stock=stock, future=replace(new.future, stock=path))
        return new

    def differs_from(self, other: Situation) -> NDArray[np.bool_]:
        """Where cost, competitor's price or stock ahead differ by more than half a per cent, shape (B,)."""

        def far(a: NDArray, b: NDArray) -> NDArray:
            both = np.isfinite(a) & np.isfinite(b)
            close = np.isclose(np.where(both, a, 0.0), np.where(both, b, 0.0), rtol=0.005, atol=0.0)
            return np.where(both, ~close, np.isfinite(a) != np.isfinite(b))

        return (
            far(self.unit_cost, other.unit_cost)
            | far(self.competitor_price, other.competitor_price)
            | far(self.stock, other.stock)
        )


def situation_of(
    panel: Panel, *, maximise_profit: bool, horizon: int = 1, adapters: FittedRows | None = None
) -> Situation:
    """The next `horizon` periods of a panel, with costs, competitors and stock as they are now."""
    current = panel.last_known("price")
    return Situation(
        history=panel.history,
        future=panel.next_periods(horizon, price=current),
        start_price=panel.first_price,
        current_price=current,
        unit_cost=panel.last_known("cost"),
        competitor_price=panel.last_known("competitor_price"),
        # Stock on hand is shared by the periods ahead.
        stock=panel.last_known("stock") / horizon,
        maximise_profit=maximise_profit,
        adapters=adapters,
    )


def known(value: float) -> float | None:
    """A number, or None where it is NaN."""
    return float(value) if np.isfinite(value) else None


def date_of(day: int | np.int64) -> dt.date:
    """The date of a day as histories count them, since 1970-01-01."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(day))


def iso_date(day: int | np.int64) -> str:
    """The same in ISO 8601."""
    return date_of(day).isoformat()


def posterior_of(model: PolicyModel, situation: Situation) -> Posterior:
    """Posterior over demand in a period ahead.

    With several periods ahead, each curve of each period stands in the mixture, so that means are means
    over the periods and intervals hold for any one of them.
    """
    (posterior,) = posteriors_of(model, [situation])
    return posterior


def posteriors_of(model: PolicyModel, situations: Sequence[Situation]) -> list[Posterior]:
    """`posterior_of` each of several situations of the same histories, which are read once for all."""
    periods = situations[0].future.price.shape[1]
    return [pooled(posterior, periods) for posterior, _ in _read(model, situations)]


def posterior_by_period(model: PolicyModel, situations: Sequence[Situation]) -> list[Posterior]:
    """Posterior over demand in every period ahead of B products, for situations of the same histories: rows
    are B x H, product by product."""
    return [posterior for posterior, _ in _read(model, situations)]


def pooled(posterior: Posterior, periods: int) -> Posterior:
    """One row a product from its rows of several periods: every curve of every period in one mixture."""
    if periods == 1:
        return posterior
    b, k = len(posterior.weights) // periods, posterior.weights.shape[1]
    # Curves of later periods are moved onto the first period's price grid (anchors do not move ahead,
    # since outcomes there are masked).
    return replace(
        posterior,
        weights=posterior.weights.reshape(b, periods * k) / periods,
        log_units=posterior.log_units.reshape(b, periods * k, -1),
        dispersion=posterior.dispersion.reshape(b, periods * k),
        log_price=posterior.log_price.reshape(b, periods)[:, 0],
    )


def price_head_of(model: PolicyModel, situation: Situation, *, low: NDArray, high: NDArray) -> NDArray:
    """What the price head would charge in the first period ahead: the mean, in logs, of its distribution over
    the prices in [low, high], currency, shape (B,)."""
    ((posterior, head),) = _read(model, [situation])
    ahead = situation.future.price.shape[1]
    grid = posterior.log_price[::ahead, None] + GRID.double().numpy()  # (B, G)
    inside = (grid >= np.log(low)[:, None]) & (grid <= np.log(high)[:, None])
    chance = np.where(inside, head[::ahead], 0.0)
    total = chance.sum(axis=1)
    mean = (chance * grid).sum(axis=1) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, np.exp(mean), situation.current_price)


def _read(model: PolicyModel, situations: Sequence[Situation]) -> list[tuple[Posterior, NDArray]]:
    """Posterior and price head of every period ahead, product by product, for each situation."""
    first = situations[0]
    paths = ("price", "units", "cost", "competitor_price", "promo", "stock", "views", "day")
    joined = [
        Trajectory(
            period=first.history.period,
            **{n: np.concatenate([getattr(first.history, n), getattr(s.future, n)], axis=1) for n in paths},
        )
        for s in situations
    ]
    return infer_futures(
        model,
        joined,
        start_price=first.start_price,
        ahead=first.future.price.shape[1],
        adapters=first.adapters,
    )
