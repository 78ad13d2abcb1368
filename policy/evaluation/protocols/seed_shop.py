"""The shop this project began with, priced by any `PricingPolicy` through the types of the simulator.

Demand is max(0, 100 - p) a day without noise, at most 100 units are sold, there is no cost, the season has
100 days and starts at a price of 100, at which nothing is sold. The best is 2,500 a day at a price of 50.
The rules are those of `policy.market.environments.SeedShop`, which steps here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.market import Markets
from policy.market.demand import DemandCurves
from policy.market.environments import SeedShop
from policy.market.setting import bare_observation
from policy.market.simulator import Outcome

BEST_REVENUE = 2_500.0
"""Revenue a day at the best price, 50."""

START_PRICE, LOWEST_PRICE = 100.0, 0.01
"""Price of the day before the season, and the lowest one may charge: a cent."""


def shop_facts(shops: int) -> Markets:
    """What a seller may know of the shop before its first day, for `shops` copies of it that open on
    different days of the year: prices and calendar. Everything else is NaN, demand above all.

    Nothing in the shop depends on the calendar, but a policy may think so: the copies show how much.
    """
    unknown, path = np.full(shops, np.nan), np.full((shops, SeedShop.horizon), np.nan)
    demand = {f.name: unknown for f in fields(DemandCurves)} | {"family": np.full(shops, -1)}
    hidden: dict[str, NDArray] = {
        f.name: path if f.name in ("log_level", "shock", "sensitivity", "competitor", "views") else unknown
        for f in fields(Markets)
        if f.name != "demand"
    }
    known: dict[str, NDArray] = {
        "reference_price": np.full(shops, START_PRICE),
        "price_low": np.full(shops, LOWEST_PRICE),
        "price_high": np.full(shops, START_PRICE),
        "unit_cost": np.zeros_like(path),
        "period": np.zeros(shops, dtype=np.int64),
        "start_day": 20_000 + np.arange(shops) * 365 // shops,
    }
    return Markets(demand=DemandCurves(**demand), **(hidden | known))


def play_seed_shop(policy: PricingPolicy, *, shops: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Let a policy price `shops` copies of the shop for its 100 days.

    Parameters
    ----------
    policy
        Starts anew; oracles find no hidden demand to read.
    shops
        Copies B, which differ in the day of the year on which they open.
    rng
        The policy's own randomness; the shop has none.

    Returns
    -------
    Revenue of each shop and day over the best revenue of a day, shape (B, 100).
    """
    facts = shop_facts(shops)
    copies = [SeedShop() for _ in range(shops)]
    for copy in copies:
        copy.reset()
    policy.reset(facts, rng)
    earned = np.empty((shops, SeedShop.horizon))
    last_price, unknown = facts.reference_price, np.full(shops, np.nan)
    for t in range(SeedShop.horizon):
        bare = bare_observation(t, last_price=last_price, setting=facts)
        observation = replace(bare, day=facts.days()[:, t])
        price = np.clip(policy.act(observation), facts.price_low, facts.price_high)
        steps = [copy.step(np.array([p])) for copy, p in zip(copies, price, strict=True)]
        revenue = np.array([step[1] for step in steps])
        units = np.array([step[4]["units"] for step in steps])
        outcome = Outcome(
            price=price, units=units, demand=units, views=unknown, profit=revenue, expected_profit=revenue
        )
        policy.observe(observation, outcome)
        earned[:, t], last_price = revenue / BEST_REVENUE, price
    return earned


def shop_rows(
    policies: Mapping[str, PricingPolicy], *, shops: int, seed: int, model_hash: str, commit: str
) -> list[dict[str, str]]:
    """One results line per policy: the share of the best revenue over the 100 days and over the last 50."""
    rows = []
    for name, policy in policies.items():
        earned = play_seed_shop(policy, shops=shops, rng=np.random.default_rng(seed))
        shares = {"all_days": earned.mean(axis=1), "last_50_days": earned[:, 50:].mean(axis=1)}
        row = {"policy": name, "shops": str(shops)}
        for column, values in shares.items():
            row |= {column: f"{values.mean():.4f}", f"{column}_lowest": f"{values.min():.4f}"}
        rows.append(row | {"seed": str(seed), "model_hash": model_hash, "commit": commit})
        print(f"  {name:26s} all days {row['all_days']}  last 50 {row['last_50_days']}", flush=True)
    return rows
