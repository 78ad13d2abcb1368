"""Demand families: how units answer to price, relative to demand at the market's reference price."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

FAMILIES = ("constant_elasticity", "linear", "log_linear", "logit", "kinked", "segments")
"""Names of the demand families; `DemandCurves.family` holds indices into this tuple."""

_FLOOR = 1e-4  # smallest relative demand: keeps logarithms finite beyond a linear curve's choke price


class Demand(Protocol):
    """The demand curves of B markets, whatever they are made of."""

    def log_demand(self, multipliers: NDArray, competitor: NDArray) -> NDArray:
        """Log of demand relative to demand at the reference price, shape (B, P), for own prices over the
        reference price (B, P) and competitor's over its usual price (B, 1) or (B, P)."""

    def take(self, index: NDArray) -> Self:
        """The curves at `index`, in that order."""


@dataclass(frozen=True)
class DemandCurves:
    """The demand curves of B markets.

    Every family is parametrised by its elasticity at the reference price, so that families are
    comparable: with m = price / reference price and e > 0 the size of that elasticity,

    - constant elasticity: d = m^-e
    - linear: d = max(0, 1 - e (m - 1))
    - log-linear: d = exp(-e (m - 1))
    - logit: share among own product, outside option and competitor at relative price m_c,
      d = s(m, m_c) / s(1, 1), s = exp(a - k m) / (1 + exp(a - k m) + exp(a_c - k m_c)), k = e / (1 - s(1, 1))
    - kinked: constant elasticity e below m = 1 and e * kink above (loss aversion)
    - segments: two groups of visitors whose willingness to pay is logistic about different centres,
      d = s(m) / s(1), s = w / (1 + exp(k (m - 1) - a_1)) + (1 - w) / (1 + exp(k (m - 1) - a_2)), where
      at m = 1 the groups buy with chances s_1 and s_2 and k = e s(1) / s'(1) for s' = sum w s_i (1 - s_i)

    Families other than logit answer to the competitor with a constant cross-elasticity.
    """

    family: NDArray[np.int64]
    """Index into `FAMILIES`, shape (B,)."""
    elasticity: NDArray[np.float64]
    """Size of the own-price elasticity at the reference price, positive, shape (B,)."""
    cross_elasticity: NDArray[np.float64]
    """Elasticity to the competitor's price, at least 0, shape (B,)."""
    share: NDArray[np.float64]
    """Logit only: own share of the market at reference prices, in (0, 1), shape (B,)."""
    competitor_share: NDArray[np.float64]
    """Logit only: competitor's share at reference prices; with `share` below 1, shape (B,)."""
    kink: NDArray[np.float64]
    """Kinked only: elasticity above the reference price over elasticity below, shape (B,)."""
    second_share: NDArray[np.float64]
    """Segments only: chance that a visitor of the second group buys at the reference price; `share` is
    the first group's. Shape (B,)."""
    first_weight: NDArray[np.float64]
    """Segments only: share of visitors in the first group, in (0, 1), shape (B,)."""

    def log_demand(self, multipliers: NDArray, competitor: NDArray) -> NDArray:
        """Log of demand relative to demand at the reference price.

        Parameters
        ----------
        multipliers
            Own price over reference price, shape (B, P).
        competitor
            Competitor's price over its usual price, 1 where there is none, shape (B, 1) or (B, P).

        Returns
        -------
        Log relative demand, shape (B, P), non-increasing in the own price.
        """
        m = multipliers
        e = self.elasticity[:, None]
        log_m, log_c = np.log(m), np.log(competitor)
        family = self.family[:, None]
        log_d = -e * log_m
        log_d = np.where(family == 1, np.log(np.maximum(1.0 - e * (m - 1.0), _FLOOR)), log_d)
        log_d = np.where(family == 2, -e * (m - 1.0), log_d)
        log_d = np.where(family == 4, -e * np.where(m > 1, self.kink[:, None], 1.0) * log_m, log_d)
        log_d = np.where(family == 5, self._segments(m), log_d)
        log_d = log_d + self.cross_elasticity[:, None] * log_c
        return np.maximum(np.where(family == 3, self._logit(m, competitor), log_d), np.log(_FLOOR) - 2.0)

    def take(self, index: NDArray) -> Self:
        """The curves at `index`, in that order."""
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def _logit(self, m: NDArray, m_c: NDArray) -> NDArray:
        """Log share relative to the share at reference prices, shape (B, P)."""
        s, s_c = self.share[:, None], self.competitor_share[:, None]
        k = self.elasticity[:, None] / (1.0 - s)  # own-price elasticity of a logit is -k m (1 - s)
        outside = 1.0 - s - s_c
        own = np.log(s / outside) - k * (m - 1.0)
        rival = np.log(s_c / outside) - k * (m_c - 1.0)
        return own - np.logaddexp(np.logaddexp(0.0, own), rival) - np.log(s)

    def _segments(self, m: NDArray) -> NDArray:
        """Log of the share that buys relative to the share at the reference price, shape (B, P)."""
        chances = (self.share[:, None], self.second_share[:, None])
        weights = (self.first_weight[:, None], 1.0 - self.first_weight[:, None])
        buying = sum(w * s for w, s in zip(weights, chances, strict=True))
        answer = sum(w * s * (1.0 - s) for w, s in zip(weights, chances, strict=True))
        k = self.elasticity[:, None] * buying / answer
        groups = [
            np.log(w) - np.logaddexp(0.0, k * (m - 1.0) - np.log(s / (1.0 - s)))
            for w, s in zip(weights, chances, strict=True)
        ]
        return np.logaddexp(*groups) - np.log(buying)
