"""Demand families that training never draws, for evaluation only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from policy.market import DemandCurves, Markets, Prior

UNSEEN_FAMILIES = ("probit", "weibull_segments", "cliff", "hill")
"""Names of the unseen families; `UnseenCurves.family` holds indices into this tuple."""

STEEPEST = 9.0
"""Largest elasticity at the reference price: power laws steeper than that have no sensible scale below it."""

_FLOOR = -11.0  # smallest log relative demand, so that logarithms stay finite
_CLIFF_WIDTH = 0.005  # of log price, over which a cliff falls: prices on either side differ by about 2 %


@dataclass(frozen=True)
class UnseenCurves(DemandCurves):
    """The demand curves of B markets, of families foreign to the training prior.

    With m = price / reference price and e > 0 the size of the elasticity there (m = 1),

    - probit: willingness to pay is log-normal, a sigmoid in log price: d = Phi(z - log(m) / s) / Phi(z),
      Phi(z) = `share`, s = phi(z) / (Phi(z) e)
    - Weibull segments: two segments whose willingness to pay is Weibull, each with its own scale v and shape
      a, so that one may be gone where the other hardly stirs: d = D(m^g) / D(1),
      D(x) = w exp(-(x / v_1)^a_1) + (1 - w) exp(-(x / v_2)^a_2), and g sets the elasticity at m = 1
    - cliff: constant elasticity, but a share `drop` of buyers leaves where the price reaches a round number
    - hill: d = 1 / (1 - s + s m^(e / s)), a logistic in log price, with s = 1 - `share`

    All answer to the competitor with a constant cross-elasticity.
    """

    weight: NDArray[np.float64]
    """Weibull segments only: weight w of the first segment, shape (B,)."""
    scale: NDArray[np.float64]
    """Weibull segments only: v over the reference price, shape (B, 2)."""
    shape: NDArray[np.float64]
    """Weibull segments only: a, the larger the more alike a segment's buyers, shape (B, 2)."""
    cliff: NDArray[np.float64]
    """Cliff only: the round number over the reference price, shape (B,)."""
    drop: NDArray[np.float64]
    """Cliff only: share of buyers lost there, in (0, 1), shape (B,)."""

    def log_demand(self, multipliers: NDArray, competitor: NDArray) -> NDArray:
        """Log of demand relative to demand at the reference price; shapes as in `DemandCurves`."""
        log_m, e = np.log(multipliers), self.elasticity[:, None]
        family = self.family[:, None]
        log_d = self._hill(log_m, e)
        log_d = np.where(family == 0, self._probit(log_m, e), log_d)
        log_d = np.where(family == 1, self._weibull_segments(log_m, e), log_d)
        log_d = np.where(family == 2, self._cliff(log_m) - self._cliff(np.zeros((1, 1))) - e * log_m, log_d)
        return np.maximum(log_d + self.cross_elasticity[:, None] * np.log(competitor), _FLOOR)

    def _probit(self, log_m: NDArray, e: NDArray) -> NDArray:
        z = ndtri(self.share)[:, None]
        mills = np.exp(-0.5 * z**2 - log_ndtr(z)) / np.sqrt(2 * np.pi)
        return log_ndtr(z - log_m * e / mills) - log_ndtr(z)

    def _weibull_segments(self, log_m: NDArray, e: NDArray) -> NDArray:
        log_v, a = np.log(self.scale), self.shape  # (B, 2)
        log_w = np.log(np.stack([self.weight, 1.0 - self.weight], axis=1))
        at_one = log_w - np.exp(-a * log_v)  # log of each segment's buyers at the reference price
        total = np.logaddexp(at_one[:, 0], at_one[:, 1])[:, None]
        answer = (np.exp(at_one - total) * a * np.exp(-a * log_v)).sum(axis=1, keepdims=True)
        log_x = (e / answer * log_m)[:, :, None]  # (B, P, 1)
        # The exponent is capped where nobody is left, so that it stays finite.
        power = np.minimum(a[:, None] * (log_x - log_v[:, None]), 50.0)
        left = log_w[:, None] - np.exp(power)
        return np.logaddexp(left[..., 0], left[..., 1]) - total

    def _cliff(self, log_m: NDArray) -> NDArray:
        beyond = (log_m - np.log(self.cliff)[:, None]) / _CLIFF_WIDTH
        gone = self.drop[:, None] / (1.0 + np.exp(np.clip(-beyond, -500.0, 500.0)))
        return np.log1p(-gone)

    def _hill(self, log_m: NDArray, e: NDArray) -> NDArray:
        s = 1.0 - self.share[:, None]
        return -np.logaddexp(np.log1p(-s), np.log(s) + e / s * log_m)


@dataclass(frozen=True, kw_only=True)
class UnseenMarkets(Markets):
    """Markets with unseen demand; all else as in training."""

    demand: UnseenCurves


@dataclass(frozen=True, kw_only=True)
class UnseenPrior(Prior):
    """The training prior with its demand families replaced by unseen ones, each as likely."""

    def sample(self, rng: np.random.Generator, n: int, horizon: int) -> UnseenMarkets:
        """Draw n markets over `horizon` periods."""
        markets = super().sample(rng, n, horizon)
        assert isinstance(markets.demand, DemandCurves)
        seen = _fields(markets.demand) | {
            "family": rng.integers(len(UNSEEN_FAMILIES), size=n),
            "elasticity": np.minimum(markets.demand.elasticity, STEEPEST),
        }
        weight = rng.uniform(0.2, 0.8, n)
        scale = np.stack([rng.uniform(0.8, 1.3, n), rng.uniform(1.3, 2.5, n)], axis=1)
        shape = np.stack([rng.uniform(4.0, 10.0, n), rng.uniform(0.8, 2.0, n)], axis=1)
        curves = UnseenCurves(
            **seen,
            weight=weight,
            scale=scale,
            shape=shape,
            cliff=_round_number(markets.reference_price * rng.uniform(0.85, 1.3, n))
            / markets.reference_price,
            drop=rng.uniform(0.15, 0.6, n),
        )
        return UnseenMarkets(**(_fields(markets) | {"demand": curves}))


def _fields(record: Markets | DemandCurves) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(record)}


def _round_number(price: NDArray) -> NDArray:
    """The nearest multiple of half a power of ten: 2.5, 3, ... 9.5, 10, 15, 20, ... 95, 100, 150."""
    step = 10.0 ** np.floor(np.log10(price)) / 2
    return np.round(price / step) * step
