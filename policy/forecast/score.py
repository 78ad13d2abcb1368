"""How good quantile forecasts are: weighted quantile loss and coverage, in all and by series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.forecast.windows import LEVELS, Sales


@dataclass(frozen=True)
class ForecastScore:
    """How good quantile forecasts are. Errors are standard errors over series.

    WQL, the weighted quantile loss: the sum over rows and levels of 2 x pinball loss, divided by L times the
    sum of units; about the mean absolute error of the median as a share of sales, lower is better.
    """

    rows: int
    moves: int
    """Rows at which the price had moved."""
    wql: float
    wql_error: float
    wql_moves: float
    """NaN where no price moved."""
    wql_moves_error: float
    cover80: float
    """Share of rows within the 80 % interval, ends included."""


@dataclass(frozen=True)
class SeriesSums:
    """What each series adds to a score, each shape (S,): the score of any sample of series is a ratio of
    sums of these, so that series, which are independent, can be drawn again and again."""

    loss: NDArray[np.float64]
    """Quantile loss on all rows, in units sold: the mean over levels of 2 x pinball loss."""
    units: NDArray[np.float64]
    """Units sold on all rows."""
    loss_moves: NDArray[np.float64]
    """Quantile loss on the rows at which the price had moved."""
    units_moves: NDArray[np.float64]
    """Units sold on those rows."""
    inside: NDArray[np.int64]
    """Rows within the 80 % interval, ends included."""
    rows: NDArray[np.int64]
    """Rows forecast; 0 where a series has no window."""
    moves: NDArray[np.int64]
    """Rows at which the price had moved."""

    def score(self) -> ForecastScore:
        """The score of all series together."""
        wql, wql_error = _ratio(self.loss, self.units, self.rows)
        wql_moves, wql_moves_error = _ratio(self.loss_moves, self.units_moves, self.moves)
        return ForecastScore(
            rows=int(self.rows.sum()),
            moves=int(self.moves.sum()),
            wql=wql,
            wql_error=wql_error,
            wql_moves=wql_moves,
            wql_moves_error=wql_moves_error,
            cover80=float(self.inside.sum() / self.rows.sum()),
        )


def series_sums(sales: Sales, quantiles: NDArray) -> SeriesSums:
    """What each series adds to the score of forecasts of shape (W, H, L)."""
    units, moves = sales.path("units")[sales.ahead], sales.moves
    levels = np.array(LEVELS)
    error = units[:, :, None] - quantiles
    loss = 2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=2)  # (W, H)
    inside = (units >= quantiles[:, :, 0]) & (units <= quantiles[:, :, -1])

    def by_series(values: NDArray) -> NDArray:
        """Sums by series, shape (S,), of values of shape (W, H)."""
        return np.bincount(sales.series, weights=values.sum(axis=1), minlength=len(sales.series_start))

    def count(chosen: NDArray) -> NDArray[np.int64]:
        return by_series(chosen).astype(np.int64)

    return SeriesSums(
        loss=by_series(loss),
        units=by_series(np.abs(units)),
        loss_moves=by_series(np.where(moves, loss, 0.0)),
        units_moves=by_series(np.where(moves, np.abs(units), 0.0)),
        inside=count(inside),
        rows=count(np.ones_like(moves)),
        moves=count(moves),
    )


def score(sales: Sales, quantiles: NDArray) -> ForecastScore:
    """Score forecasts of shape (W, H, L)."""
    return series_sums(sales, quantiles).score()


def paired_gap(one: SeriesSums, other: SeriesSums) -> tuple[float, float]:
    """WQL on all rows of one forecaster less another's on the same sales, and its standard error over series.
    What is hard for both cancels, so that the error is not that of two independent scores."""
    return _ratio(one.loss - other.loss, one.units, one.rows)


def _ratio(lost: NDArray, sold: NDArray, rows: NDArray) -> tuple[float, float]:
    """Loss over units, and its standard error as a ratio of sums over the series that have rows."""
    if not sold.sum():
        return float("nan"), float("nan")
    value = lost.sum() / sold.sum()
    n = np.count_nonzero(rows)
    if n < 2:
        return float(value), float("nan")
    return float(value), float(np.sqrt(n / (n - 1) * ((lost - value * sold) ** 2).sum()) / sold.sum())
