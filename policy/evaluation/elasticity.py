"""Elasticity from sellers' logs, measured where the truth is known.

A seller who raises the price when demand is high leaves logs in which price and units rise together: a
regression of units on price sees too little response, however long the log. The true elasticity is that of
the simulator's mean demand in the period after the log, between 0.1 below and above the current price in
logs, as calibration measures it (`policy.learning.calibrate`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.benchmark import FRESH_PRIOR
from policy.market import (
    LOGGING_POLICIES,
    LoggingPolicies,
    Markets,
    Prior,
    Simulator,
    Trajectory,
    simulate_log,
)
from policy.model.inference import infer
from policy.model.posterior import Posterior
from policy.model.tokens import PRIOR_ELASTICITY, PRIOR_LIFT
from policy.model.transformer import PolicyModel

SPAN = 0.1
"""Reach of the measurement to either side of the current price, in logs."""

DEFINED = (-20.0, -0.05)
"""Markets with an elasticity outside are left out: beyond a linear curve's choke price there is none. All
estimates are clipped to this range too, which spares regressions their absurd ones."""

STILL = 1e-3
"""Standard deviation of log price below which a price counts as never moved. A regression says nothing
there, and is given `PRIOR_ELASTICITY`."""

OURS, REGRESSION = "in-context policy (ours)", "log-log regression"


@dataclass(frozen=True, kw_only=True)
class ElasticitySetting:
    """Whose logs are read."""

    name: str
    habit: str | None
    """The one logging policy of all sellers (of `LOGGING_POLICIES`); None for the
    training prior's mixture."""
    seed: int
    markets: int = 1000
    periods: int = 60
    """Length of each log."""
    prior: Prior = FRESH_PRIOR


SETTINGS = (
    ElasticitySetting(name="endogenous sellers", habit="endogenous", seed=20_021),
    ElasticitySetting(name="all sellers' habits", habit=None, seed=20_022),
)


@dataclass(frozen=True)
class Logs:
    """Sellers' logs, and the true elasticity after them, of B markets in which there is one."""

    history: Trajectory
    """B products over T periods."""
    coming: Trajectory
    """One period more, at the current price and without units, shape (B, 1)."""
    truth: NDArray[np.float64]
    """Elasticity at the current price in that period, negative, shape (B,)."""


def simulate(setting: ElasticitySetting) -> Logs:
    """The logs of a setting; they depend on its seed alone."""
    rng = np.random.default_rng(setting.seed)
    markets = setting.prior.sample(rng, setting.markets, setting.periods + 1)
    simulator = Simulator(markets, rng)
    history, _ = simulate_log(simulator, _sellers(setting.habit, markets, rng), setting.periods)
    seen = simulator.observation()
    unknown = np.full(setting.markets, np.nan)
    coming = {
        "price": seen.last_price,
        "units": unknown,
        "views": unknown,
        "cost": seen.unit_cost,
        "competitor_price": seen.competitor_price,
        "promo": seen.promo,
        "stock": seen.stock,
        "day": seen.day,
    }
    log_units = simulator.log_mean_units(seen.last_price[:, None] * np.exp([-SPAN, SPAN]))
    truth = (log_units[:, 1] - log_units[:, 0]) / (2 * SPAN)
    defined = np.flatnonzero((truth > DEFINED[0]) & (truth < DEFINED[1]))
    ahead = Trajectory(period=history.period, **{name: path[:, None] for name, path in coming.items()})
    return Logs(history.take(defined), ahead.take(defined), truth[defined])


def _sellers(habit: str | None, markets: Markets, rng: np.random.Generator) -> LoggingPolicies:
    if habit is None:
        return LoggingPolicies(markets, rng)
    return LoggingPolicies(markets, rng, chances=tuple(float(name == habit) for name in LOGGING_POLICIES))


def read(model: PolicyModel, logs: Logs) -> Posterior:
    """Our posterior over demand in the period after the logs."""
    whole = Trajectory(
        period=logs.history.period,
        **{
            f.name: np.concatenate([getattr(logs.history, f.name), getattr(logs.coming, f.name)], axis=1)
            for f in fields(Trajectory)
            if f.name != "period"
        },
    )
    return infer(model, whole, start_price=logs.history.price[:, 0])[0]


def log_log(history: Trajectory) -> NDArray:
    """Slope of log(units + 1/2) on log price by least squares, one fit a series, shape (B,)."""
    return _slope(history, [])


def log_log_adjusted(history: Trajectory) -> NDArray:
    """The same with promotion, a linear trend and a yearly wave beside the price, shape (B,)."""
    b, periods = history.price.shape
    trend = np.broadcast_to(np.linspace(-1.0, 1.0, periods), (b, periods))
    angle = 2 * np.pi * history.day / 365.25
    return _slope(history, [history.promo, trend, np.sin(angle), np.cos(angle)])


def ridge(history: Trajectory) -> NDArray:
    """The same with promotion only, shrunk to an elasticity of -2 and a lift of 0.3 by a penalty of 1: where
    our tokens' running regression starts from, shape (B,)."""
    return _slope(history, [history.promo], penalty=1.0)


def _slope(history: Trajectory, others: list[NDArray], *, penalty: float = 0.0) -> NDArray:
    """Coefficient of log price, with an intercept and `others` (B, T) each; a penalty pulls the first two
    coefficients to `PRIOR_ELASTICITY` and `PRIOR_LIFT`."""
    log_price, y = np.log(history.price), np.log(history.units + 0.5)
    x = np.stack([log_price, *others], axis=2)  # (B, T, 1 + others)
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    pull, target = np.zeros((2, x.shape[2]))
    pull[:2] = penalty
    target[:2] = (PRIOR_ELASTICITY, PRIOR_LIFT)[: x.shape[2]]
    gram = np.einsum("bti,btj->bij", x, x) + np.diag(pull)
    moment = np.einsum("bti,bt->bi", x, y) + pull * target
    # What never varies (no promotion in the log) has no coefficient, and takes none from the price.
    slope = np.einsum("bij,bj->bi", np.linalg.pinv(gram, rcond=1e-9, hermitian=True), moment)[:, 0]
    return np.where(log_price.std(axis=1) < STILL, PRIOR_ELASTICITY, slope)


REGRESSIONS: dict[str, Callable[[Trajectory], NDArray]] = {
    REGRESSION: log_log,
    "log-log with promotion, trend and season": log_log_adjusted,
    "ridge toward -2": ridge,
}


def elasticity_rows(
    model: PolicyModel, settings: Sequence[ElasticitySetting], *, model_hash: str, commit: str
) -> list[dict[str, str]]:
    """Measure every estimate in every setting, printing as it goes; one row of the results file each.

    `error_over_regression` is an estimate's mean absolute error over that of the plain log-log regression.
    """
    rows = []
    for setting in settings:
        logs = simulate(setting)
        print(f"{setting.name}: {len(logs.truth)} markets, {setting.periods} periods", flush=True)
        mean, low, high = read(model, logs).elasticity(logs.coming.price[:, 0])
        covered = f"{((low <= logs.truth) & (logs.truth <= high)).mean():.3f}"
        estimates = {OURS: mean} | {name: fit(logs.history) for name, fit in REGRESSIONS.items()}
        errors = {name: np.abs(np.clip(e, *DEFINED) - logs.truth) for name, e in estimates.items()}
        for name, error in errors.items():
            ratio, ratio_error = _ratio(error, errors[REGRESSION])
            rows.append(
                {
                    "setting": setting.name,
                    "estimate": name,
                    "markets": str(len(error)),
                    "periods": str(setting.periods),
                    "mean_error": f"{error.mean():.4f}",
                    "mean_standard_error": f"{error.std(ddof=1) / np.sqrt(len(error)):.4f}",
                    "median_error": f"{np.median(error):.4f}",
                    "median_standard_error": f"{standard_error_of_median(error):.4f}",
                    "error_over_regression": f"{ratio:.3f}",
                    "ratio_standard_error": f"{ratio_error:.3f}",
                    "cover80": covered if name == OURS else "",
                    "seed": str(setting.seed),
                    "model_hash": model_hash,
                    "commit": commit,
                }
            )
            print(
                "  {estimate:42s} error {mean_error} ± {mean_standard_error}  median {median_error}"
                "  ratio to the log-log regression's {error_over_regression} ± {ratio_standard_error}"
                "  in the 80 % interval {cover80}".format(**rows[-1]).removesuffix("  in the 80 % interval "),
                flush=True,
            )
    return rows


def standard_error_of_median(values: NDArray) -> float:
    """Standard error of the median: half the distance between the order statistics one binomial standard
    deviation to either side of it."""
    ordered, n = np.sort(values), len(values)
    reach = np.sqrt(n) / 2
    low, high = (int(np.clip(round(n / 2 + side * reach - 0.5), 0, n - 1)) for side in (-1, 1))
    return float(ordered[high] - ordered[low]) / 2


def _ratio(errors: NDArray, others: NDArray) -> tuple[float, float]:
    """Ratio of two means over the same markets and its standard error, by linearisation."""
    ratio = errors.mean() / others.mean()
    spread = (errors - ratio * others).std(ddof=1) / np.sqrt(len(errors))
    return float(ratio), float(spread / others.mean())
