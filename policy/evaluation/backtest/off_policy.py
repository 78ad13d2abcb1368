"""What other prices would have earned, from a log of prices charged: off-policy estimates with their limits.

A log has, for each period, the price charged and what it earned. For a policy that would have charged
another price, two estimates of its earnings per period:

- self-normalised importance weighting (SNIW): the mean of earnings weighted by w = K_h(x - a) / Q(a), where
  x and a are the logs of the policy's and the charged price, K_h a kernel of bandwidth h and Q the density
  with which the store charged a (Kallus and Zhou 2018, arXiv 1802.06037);
- doubly robust (DR): what a demand model expects at the policy's prices, corrected by the equally weighted
  errors that it made at the prices charged (Dudik, Langford and Li 2011, arXiv 1103.4601; for continuous
  actions as in Kallus and Zhou).

Both are observational: where a store set prices by what it knew of demand and the log does not show, they
are wrong, and no interval says by how much. Where too little of the log speaks for the policy's prices there
is no estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policy.decision.recommendation import Objective

LEAST_ESS = 30.0
"""Effective sample size below which nothing is estimated."""

LEAST_PRODUCTS = 5
"""Products with weight below which nothing is estimated: the interval comes from drawing products again."""

LEAST_COVERED = 0.5
"""Share of the policy's prices that must lie where the store has charged prices."""

LEAST_SUPPORT = 0.05
"""Chance with which the store must charge a price within a bandwidth of the policy's for it to be one that
the log can speak for."""

WEIGHT_RANGE = (0.5, 2.0)
"""Mean weights are about 1 where the density of the store's prices is right; beyond this range it is not."""

BANDWIDTHS = (0.01, 0.10)
"""Narrowest and widest kernel, in logs of price."""

RESAMPLES = 1000
"""Draws of the bootstrap."""

Refusal = Literal["no_rows", "outside_support", "few_products", "ess_low", "prices_unexplained"]
"""Why there is no estimate, in the order in which it is looked for."""


def kernel(distance: NDArray, bandwidth: float) -> NDArray:
    """Epanechnikov's kernel, a density over logs of price, shape as given."""
    u = distance / bandwidth
    return 0.75 * np.maximum(1 - u**2, 0.0) / bandwidth


def bandwidth_of(relative: NDArray) -> float:
    """Silverman's rule for the kernel: 2.34 (Epanechnikov's constant) times the spread of relative log prices
    charged times n^(-1/5), within `BANDWIDTHS`. The spread is the smaller of the standard deviation and the
    interquartile range over 1.34; where most prices are alike and the latter is 0, the former."""
    quarters = np.quantile(relative, (0.25, 0.75))
    spread = float(relative.std())
    if quarters[1] > quarters[0]:
        spread = min(spread, float(quarters[1] - quarters[0]) / 1.34)
    return float(np.clip(2.34 * spread * len(relative) ** -0.2, *BANDWIDTHS))


def effective_sample_size(weights: NDArray) -> float:
    """Kish's: how many equally weighted periods would be as precise; 0 without weight."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def self_normalised(weights: NDArray, earned: NDArray) -> float:
    """SNIW estimate of earnings per period, shapes (N,); NaN without weight."""
    total = float(weights.sum())
    return float((weights * earned).sum()) / total if total > 0 else float("nan")


def doubly_robust(weights: NDArray, earned: NDArray, *, at_charged: NDArray, at_policy: NDArray) -> float:
    """DR estimate of earnings per period from what a model expects at the prices charged and at the policy's,
    shapes (N,)."""
    return float(at_policy.mean()) + self_normalised(weights, earned - at_charged)


@dataclass(frozen=True, kw_only=True)
class Log:
    """N logged periods of a store's products; shapes (N,), currency per period."""

    product: NDArray[np.int64]
    """Which product each is of."""
    distance: NDArray[np.float64]
    """Log of the policy's price over the price charged."""
    density: NDArray[np.float64]
    """Density of the price charged under the store's own pricing, over logs of price."""
    support: NDArray[np.float64]
    """Chance with which the store charges a price within a bandwidth of the policy's."""
    earned: NDArray[np.float64]
    at_charged: NDArray[np.float64]
    """What the demand model expected at the price charged, from the history before the period alone."""
    at_policy: NDArray[np.float64]
    """What it expected at the policy's price."""
    bandwidth: float

    def __len__(self) -> int:
        return len(self.product)

    def take(self, index: NDArray) -> Log:
        """The periods at `index`."""
        paths = {name: values[index] for name, values in vars(self).items() if name != "bandwidth"}
        return replace(self, **paths)

    @property
    def supported(self) -> NDArray[np.bool_]:
        """Where the policy's price is one that the log can speak for."""
        return self.support >= LEAST_SUPPORT

    @property
    def weights(self) -> NDArray[np.float64]:
        """Importance weights; 0 where the price charged is further than a bandwidth from the policy's, and
        where the policy's price has no support."""
        near = kernel(self.distance, self.bandwidth)
        density = np.maximum(self.density, 1e-12)
        return np.where(self.supported, near / density, 0.0)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One estimate of what the policy would have earned per product and period, against what was earned in
    the same periods, with central 80 % intervals over products."""

    estimator: Literal["sniw", "dr"]
    value: float
    low: float
    high: float
    gain: float
    """`value` minus what was earned."""
    gain_low: float
    gain_high: float


@dataclass(frozen=True, kw_only=True)
class OffPolicy:
    """What a log says of the policy: estimates, or why there are none."""

    objective: Objective
    products: int
    """Products in the log."""
    rows: int
    """Logged periods."""
    covered: float
    """Share of them in which the policy's price has support; the estimates are of those alone."""
    ess: float
    mean_weight: float
    """About 1 where the density of the store's prices is right."""
    bandwidth: float
    earned: float
    """Really earned per product and period, in the periods with support; NaN where there are none."""
    estimates: tuple[Estimate, ...]
    """Empty where refused."""
    refused: Refusal | None


def off_policy(log: Log, *, objective: Objective, rng: np.random.Generator) -> OffPolicy:
    """Estimate what the policy would have earned, or refuse to.

    Refused where fewer than half of the policy's prices have support, fewer than `LEAST_PRODUCTS` products
    have weight, the effective sample size is below `LEAST_ESS`, or the weights' mean shows that the store's
    prices are not understood.
    """
    supported, weights = log.supported, log.weights
    covered = float(supported.mean()) if len(log) else 0.0
    ess = effective_sample_size(weights)
    mean_weight = float(weights[supported].mean()) if supported.any() else 0.0
    refused: Refusal | None = None
    if not len(log):
        refused = "no_rows"
    elif covered < LEAST_COVERED:
        refused = "outside_support"
    elif len(np.unique(log.product[weights > 0])) < LEAST_PRODUCTS:
        refused = "few_products"
    elif ess < LEAST_ESS:
        refused = "ess_low"
    elif not WEIGHT_RANGE[0] <= mean_weight <= WEIGHT_RANGE[1]:
        refused = "prices_unexplained"
    return OffPolicy(
        objective=objective,
        products=len(np.unique(log.product)),
        rows=len(log),
        covered=covered,
        ess=ess,
        mean_weight=mean_weight,
        bandwidth=log.bandwidth,
        earned=float(log.earned[supported].mean()) if supported.any() else float("nan"),
        estimates=() if refused else _estimates(log, rng),
        refused=refused,
    )


def _estimates(log: Log, rng: np.random.Generator) -> tuple[Estimate, ...]:
    """Both estimates and their intervals, from sums by product."""
    keep = log.supported
    _, product = np.unique(log.product[keep], return_inverse=True)
    w, y = log.weights[keep], log.earned[keep]
    columns = (np.ones_like(y), y, w, w * y, log.at_policy[keep], w * (y - log.at_charged[keep]))
    sums = np.stack([np.bincount(product, weights=c) for c in columns])  # (6, products)
    n = sums.shape[1]
    times = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)  # (R, products)
    again = times @ sums.T  # (R, 6)
    # A draw of products that has no weight at all says nothing.
    again = again[again[:, 2] > 0]
    whole = sums.sum(axis=1)[None]

    def values(s: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Earned, SNIW and DR per product and period, shape (R,) each."""
        rows, earned, weight = s[:, 0], s[:, 1], s[:, 2]
        return earned / rows, s[:, 3] / weight, s[:, 4] / rows + s[:, 5] / weight

    earned, *found = values(whole)
    earned_again, *found_again = values(again)
    estimates = []
    for name, value, draws in zip(("sniw", "dr"), found, found_again, strict=True):
        low, high = np.quantile(draws, (0.1, 0.9))
        gain_low, gain_high = np.quantile(draws - earned_again, (0.1, 0.9))
        estimates.append(
            Estimate(
                estimator="sniw" if name == "sniw" else "dr",
                value=float(value[0]),
                low=float(low),
                high=float(high),
                gain=float(value[0] - earned[0]),
                gain_low=float(gain_low),
                gain_high=float(gain_high),
            )
        )
    return tuple(estimates)
