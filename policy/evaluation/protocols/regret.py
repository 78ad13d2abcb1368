"""Playing a published protocol for regret, and the lines of its results file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.market.setting import Setting
from policy.market.simulator import Observation, Outcome


class Environment(Setting, Protocol):
    """B markets of a protocol, played together."""

    def observation(self) -> Observation:
        """What is known before the coming period."""

    def step(self, prices: NDArray) -> tuple[Outcome, NDArray]:
        """Charge `prices` (B,) and move on: the outcome, and the period's regret (B,)."""


@dataclass(frozen=True)
class Played:
    """What a policy made of a protocol."""

    regret: NDArray[np.float64]
    """Regret of each market and period, in the protocol's units, shape (B, T)."""
    seconds_per_decision: float
    """Mean time to act on and to observe one period of one market."""


def play_all(
    environment: Callable[[int, np.random.Generator], Environment],
    policies: Mapping[str, Callable[[], PricingPolicy]],
    *,
    markets: int,
    seed: int,
) -> Iterator[tuple[str, Played]]:
    """Play every policy on the same markets with the same luck.

    Parameters
    ----------
    environment
        Makes the markets, given their number and the source of all that is random in them.
    policies
        Name and maker of each policy.
    markets
        Number of markets B.
    seed
        Markets, luck and each policy's own randomness depend on it alone.
    """
    for name, make in policies.items():
        draw, own = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        made = environment(markets, draw)
        policy = make()
        policy.reset(made, own)
        regret = np.empty((markets, made.horizon))
        spent = 0.0
        for t in range(made.horizon):
            observation = made.observation()
            began = time.perf_counter()
            prices = policy.act(observation)
            spent += time.perf_counter() - began
            outcome, regret[:, t] = made.step(prices)
            began = time.perf_counter()
            policy.observe(observation, outcome)
            spent += time.perf_counter() - began
        yield name, Played(regret, spent / regret.size)


def regret_row(
    protocol: str, policy: str, played: Played, *, seed: int, model_hash: str, commit: str
) -> dict[str, str]:
    """One line of the results file: regret over the whole horizon, over markets."""
    markets, horizon = played.regret.shape
    regret = played.regret.sum(axis=1)
    p5, median, p95 = np.percentile(regret, [5, 50, 95])
    return {
        "protocol": protocol,
        "policy": policy,
        "markets": str(markets),
        "horizon": str(horizon),
        "regret": f"{regret.mean():.3f}",
        "regret_error": f"{regret.std(ddof=1) / np.sqrt(markets):.3f}",
        "median": f"{median:.3f}",
        "percentile_5": f"{p5:.3f}",
        "percentile_95": f"{p95:.3f}",
        "microseconds_per_decision": f"{1e6 * played.seconds_per_decision:.1f}",
        "seed": str(seed),
        "model_hash": model_hash,
        "commit": commit,
    }
