"""Calibration: how far the truth lies from the curves' centre, measured on markets whose truth is known."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.choice import best_price, component_objective
from policy.market import LoggingPolicies, Prior, Simulator, simulate_log
from policy.market.trajectory import Trajectory
from policy.model.inference import infer
from policy.model.panel import PATHS
from policy.model.posterior import LEVEL_FLOOR, SLOPE_FLOOR, Calibration, Posterior
from policy.model.transformer import PolicyModel

SHARE = 0.8
"""The intervals are central 80 % intervals."""


def calibrate(
    model: PolicyModel, *, seed: int, markets: int = 1500, periods: int = 60, prior: Prior | None = None
) -> Calibration:
    """Measure the calibration of a network on fresh markets after `periods` of their sellers' own pricing."""
    errors = standardised_errors(model, seed=seed, markets=markets, periods=periods, prior=prior)
    return Calibration(**{name: float(np.quantile(values, SHARE)) for name, values in errors.items()})


def standardised_errors(
    model: PolicyModel, *, seed: int, markets: int, periods: int, prior: Prior | None = None
) -> dict[str, NDArray]:
    """Distance between truth and the curves' centre, in standard deviations over the curves.

    Returns
    -------
    `elasticity` at the current price, `units` at a price within 30 % of it, and `gain` of the best price
    over the current one; one value per market in which the quantity is defined.
    """
    rng = np.random.default_rng(seed)
    drawn = replace(prior or Prior(), stock_chance=0.0).sample(rng, markets, periods + 1)
    simulator = Simulator(drawn, rng)
    history, _ = simulate_log(simulator, LoggingPolicies(drawn, rng), periods)
    seen = simulator.observation()
    current, unknown = seen.last_price, np.full((markets, 1), np.nan)
    ahead = dict.fromkeys(PATHS, unknown) | {
        "price": current[:, None],
        "cost": seen.unit_cost[:, None],
        "competitor_price": seen.competitor_price[:, None],
        "promo": np.zeros((markets, 1)),
        "day": seen.day[:, None],
    }
    whole = Trajectory(
        period=history.period,
        **{name: np.concatenate([getattr(history, name), path], axis=1) for name, path in ahead.items()},
    )
    posterior, _ = infer(model, whole, start_price=history.price[:, 0])
    plain = replace(posterior, calibration=Calibration(elasticity=1.0, units=1.0, gain=1.0))
    return {
        "elasticity": _elasticity_errors(plain, simulator, current),
        "units": _units_errors(plain, simulator, current * np.exp(rng.uniform(-0.3, 0.3, markets))),
        "gain": _gain_errors(plain, simulator, current, seen.unit_cost),
    }


def _elasticity_errors(posterior: Posterior, simulator: Simulator, price: NDArray) -> NDArray:
    def slopes(log_units: NDArray) -> NDArray:
        return -(log_units[..., 1] - log_units[..., 0]) / 0.2

    pair = price[:, None] * np.exp([-0.1, 0.1])
    true = slopes(simulator.log_mean_units(pair))
    log_slopes = np.log(np.maximum(slopes(np.log(posterior.component_units(pair))), 0.01))
    centre = (posterior.weights * log_slopes).sum(axis=1)
    sd = np.sqrt((posterior.weights * (log_slopes - centre[:, None]) ** 2).sum(axis=1))
    defined = (true > 0.05) & (true < 20.0)  # beyond a linear curve's choke price there is no elasticity
    return (np.abs(np.log(np.maximum(true, 0.05)) - centre) / np.hypot(sd, SLOPE_FLOOR))[defined]


def _units_errors(posterior: Posterior, simulator: Simulator, price: NDArray) -> NDArray:
    true = simulator.log_mean_units(price[:, None])[:, 0]
    log_units = np.log(posterior.component_units(price[:, None]))[:, :, 0]
    centre = (posterior.weights * log_units).sum(axis=1)
    sd = np.sqrt((posterior.weights * (log_units - centre[:, None]) ** 2).sum(axis=1))
    return np.abs(true - centre) / np.hypot(sd, LEVEL_FLOOR)


def _gain_errors(posterior: Posterior, simulator: Simulator, price: NDArray, unit_cost: NDArray) -> NDArray:
    unlimited = np.full_like(price, np.nan)
    best = best_price(posterior, unit_cost=unit_cost, stock=unlimited, low=price * 0.8, high=price * 1.2)
    pair = np.stack([best, price], axis=1)
    true = simulator.expected_profit(pair)
    values = component_objective(posterior, pair, unit_cost, unlimited)
    mean, low, _ = posterior.gain_interval(values[..., 0] - values[..., 1])
    moved = np.abs(best / price - 1.0) > 0.01
    return (np.abs(true[:, 0] - true[:, 1] - mean) / np.maximum(mean - low, 1e-9))[moved]


def store_calibration(model: PolicyModel, *, seed: int) -> None:
    """Measure the calibration and keep it in the model's configuration, to be saved with it."""
    model.config.calibration = asdict(calibrate(model, seed=seed))
