"""Forecasts to compare with: seasonal naive, last-8 mean, a GLM per series, LightGBM on the whole set.

All but LightGBM put their spread around a centre in logs of units + 1/2, so that sales of zero have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from policy.forecast.windows import LEVELS, Forecaster, Sales

YEAR = 52
"""Periods in a season, and the periods of history from which spreads are taken."""
MARKDOWN_ELASTICITY = -2.0
"""What a pricer assumes who has estimated nothing."""
FORGETTING = 0.985
"""Weight of a period over that of the period after it, in the GLM."""
GLM, LIGHTGBM = "per-series ridge GLM", "LightGBM trained on the set"
"""Names of the baselines that a store's adapter is compared with."""


@dataclass(frozen=True)
class _Window:
    """One window of a series: H periods ahead of t of history."""

    units: NDArray[np.float64]
    """Shape (t,)."""
    log_price: NDArray[np.float64]
    """Of history and future, shape (t + H,)."""
    promo: NDArray[np.float64]
    """Shape (t + H,)."""
    horizon: int

    @property
    def t(self) -> int:
        return len(self.units)

    @property
    def log_units(self) -> NDArray[np.float64]:
        return np.log(self.units + 0.5)


def _windows(sales: Sales) -> Iterator[_Window]:
    units, log_price, promo = sales.path("units"), np.log(sales.path("price")), sales.path("promo")
    for start, origin in zip(sales.start, sales.origin, strict=True):
        known = slice(start, origin + sales.horizon)
        yield _Window(units[start:origin], log_price[known], promo[known], sales.horizon)


def _per_window(centre_and_spread: Callable[[_Window], tuple[NDArray, NDArray]]) -> Forecaster:
    """A forecaster from a function that gives log centres (H,) and log deviations at the levels (L,)."""

    def forecast(sales: Sales) -> NDArray[np.float64]:
        parts = [centre_and_spread(window) for window in _windows(sales)]
        centre = np.stack([c for c, _ in parts])[:, :, None]
        spread = np.stack([s for _, s in parts])[:, None, :]
        return np.maximum(np.exp(centre + spread) - 0.5, 0.0)

    return forecast


def _spread_about_mean(window: _Window) -> NDArray:
    """Quantiles of the last year's log units about their mean, shape (L,)."""
    recent = window.log_units[-YEAR:]
    return np.quantile(recent - recent.mean(), LEVELS)


def _seasonal_naive(window: _Window) -> tuple[NDArray, NDArray]:
    """Units of a year before; of up to four periods before where history is little over a year or less."""
    season = YEAR if window.t > YEAR + 8 else min(4, window.t)
    back = window.t + np.arange(window.horizon) - season
    return window.log_units[np.where(back < window.t, back, window.t - 1)], _spread_about_mean(window)


def _last_eight(window: _Window) -> tuple[NDArray, NDArray]:
    """Geometric mean of the last 8 periods, moved by an elasticity of -2 from their mean price."""
    mean = np.exp(window.log_units[-8:].mean()) - 0.5
    answer = np.exp(
        MARKDOWN_ELASTICITY * (window.log_price[window.t :] - window.log_price[: window.t][-8:].mean())
    )
    # The last year's spread is partly price response, which the centre has already.
    return np.log(np.maximum(mean * answer, 0.0) + 0.5), 0.8 * _spread_about_mean(window)


def _ridge_glm(window: _Window) -> tuple[NDArray, NDArray]:
    """Log units on log price and promo: weights fall by 0.985 a period into the past; the price coefficient
    is shrunk to -2, that of promo to 0.3; half of the mean residual of the last 8 periods is carried on."""
    t = window.t
    weight = FORGETTING ** np.arange(t)[::-1]
    price, promo = window.log_price - window.log_price[:t].mean(), window.promo - window.promo[:t].mean()
    x = np.column_stack([np.ones_like(price), price, promo])  # (t + H, 3)
    weighted = x[:t].T * weight
    penalty = np.array([0.0, 1.0, 1.0])
    target = np.array([0.0, MARKDOWN_ELASTICITY, 0.3])
    beta = np.linalg.solve(
        weighted @ x[:t] + np.diag(penalty), weighted @ window.log_units + penalty * target
    )
    residual = window.log_units - x[:t] @ beta
    carried = 0.5 * np.average(residual[-8:], weights=weight[-8:])
    centre = np.clip(x[t:] @ beta + carried, -5.0, 15.0)
    return centre, np.quantile(residual - residual.mean(), LEVELS)


def lightgbm_forecaster() -> Forecaster:
    """Nine quantile models on the first three quarters of all series of the set.

    The target is log(1 + units) over its mean in the 26 periods before the origin; features are lags and
    means of it, the price against its past, an elasticity by ridge, promo, calendar, periods ahead and age.
    """
    import lightgbm

    def forecast(sales: Sales) -> NDArray[np.float64]:
        features = _Features(sales)
        trained = [
            (s, o)
            for s, (start, first) in enumerate(zip(sales.series_start, sales.first_tested, strict=True))
            for o in range(start + 10, first - sales.horizon + 1, 2)
        ]
        x, y, _ = features.rows(trained)
        x_test, _, level = features.rows(list(zip(sales.series, sales.origin, strict=True)))
        found = []
        for q in LEVELS:
            parameters = {
                "objective": "quantile",
                "alpha": q,
                "learning_rate": 0.05,
                "num_leaves": 31,
                "min_data_in_leaf": 40,
                "bagging_fraction": 0.8,
                "bagging_freq": 1,
                "feature_fraction": 0.8,
                "num_threads": 1,
                "deterministic": True,
                "seed": 0,
                "verbose": -1,
            }
            model = lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=300)
            found.append(np.asarray(model.predict(x_test)))
        # Nine separate models may cross.
        quantiles = np.sort(np.stack(found, axis=-1), axis=-1) + level[:, None]
        return np.maximum(np.expm1(quantiles), 0.0).reshape(len(sales), sales.horizon, len(LEVELS))

    return forecast


class _Features:
    """What LightGBM sees of (series, origin) pairs, a row for each period ahead."""

    def __init__(self, sales: Sales):
        self._sales = sales
        self._units = np.log1p(sales.path("units"))
        self._log_price = np.log(sales.path("price"))
        self._promo = sales.path("promo")
        date = sales.table["date"]
        self._calendar = np.column_stack([date.dt.month, date.dt.day_of_week]).astype(float)

    def rows(self, windows: list[tuple[int, int]]) -> tuple[NDArray, NDArray, NDArray]:
        """Features (N, F), targets (N,) and levels (N,) for N = windows x H."""
        parts = [self._window(int(self._sales.series_start[s]), o) for s, o in windows]
        x, y, level = (np.concatenate([part[i] for part in parts]) for i in range(3))
        return x, y, level

    def _window(self, start: int, origin: int) -> tuple[NDArray, NDArray, NDArray]:
        h = self._sales.horizon
        ahead = slice(origin, origin + h)
        past = slice(start, origin)
        units, price = self._units[past], self._log_price[past]
        level = units[-26:].mean()
        year = price[-YEAR:]
        usual = np.median(year)
        x = price - usual
        # Ridge of log units on log price, its slope shrunk to -2 by the weight of half an observation.
        n, sum_x, sum_y = len(x) + 1e-6, x.sum(), units.sum()
        gram = x @ x + 0.5 + 1e-6
        slope = (n * (x @ units - 1.0) - sum_x * sum_y) / (n * gram - sum_x**2)
        coming = self._log_price[ahead]
        back = np.arange(origin, origin + h) - YEAR
        of_year_before = np.where((back >= start) & (back < origin), self._units[back] - level, np.nan)
        history = [
            level,
            units[-1] - level,
            units[-2] - level,
            units[-3] - level,
            units[-4:].mean() - level,
            units[-13:].mean() - level,
            units.std(),
            price[-1] - usual,
            year.std(),
            slope,
            self._promo[origin - 1],
            self._promo[past].mean(),
            float(origin - start),
        ]
        features = np.column_stack(
            [
                np.arange(h),
                np.tile(history, (h, 1)),
                of_year_before,
                coming - usual,
                coming - price[-1],
                coming - year.min(),
                coming - year.max(),
                slope * (coming - price[-13:].mean()),
                self._promo[ahead],
                self._calendar[ahead],
            ]
        )
        return features, self._units[ahead] - level, np.full(h, level)


def baselines() -> dict[str, Forecaster]:
    """Name and forecaster of every baseline; LightGBM's where it is installed."""
    found: dict[str, Forecaster] = {
        "seasonal naive": _per_window(_seasonal_naive),
        "last-8 mean, elasticity -2": _per_window(_last_eight),
        GLM: _per_window(_ridge_glm),
    }
    if find_spec("lightgbm") is not None:
        found[LIGHTGBM] = lightgbm_forecaster()
    return found
