"""Simulated markets: textbook truths of demand, prices, counts and logging policies."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.special import pdtrik

from policy.decision.policies import best_known_price
from policy.market import FAMILIES, LOGGING_POLICIES, LoggingPolicies, Prior, Simulator, simulate_log
from policy.market.simulator import poisson_count

QUIET = Prior(
    stock_chance=0.0,
    intermittent_chance=0.0,
    competitor_chance=0.0,
    shock_sd=(1e-4, 2e-4),
    walk_sd=(1e-5, 2e-5),
    season_sd=(0.0, 1e-6),
    trend=(0.0, 1e-6),
    peak_chance=0.0,
    holiday_chance=0.0,
    regime_chance=0.0,
    memory_chance=0.0,
)
"""Markets whose demand stands still."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("family", FAMILIES)
def test_elasticity_at_the_reference_price_is_the_stated_one(family: str, rng: np.random.Generator) -> None:
    demand = replace(QUIET, families=(family,)).sample(rng, 50, 1).demand
    step = 1e-5
    below, at = np.exp(-step), 1.0
    pair = np.broadcast_to(np.array([below, at]), (50, 2))
    log_d = demand.log_demand(pair, np.ones((50, 1)))
    assert log_d[:, 1] == pytest.approx(0.0, abs=1e-9)
    assert (log_d[:, 1] - log_d[:, 0]) / step == pytest.approx(-demand.elasticity, rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_demand_never_rises_with_price_and_rises_with_the_competitors(
    family: str, rng: np.random.Generator
) -> None:
    demand = replace(Prior(), families=(family,), competitor_chance=1.0).sample(rng, 200, 1).demand
    prices = np.broadcast_to(np.linspace(0.3, 3.0, 80), (200, 80))
    curve = demand.log_demand(prices, np.ones((200, 1)))
    assert (np.diff(curve, axis=1) <= 1e-12).all()
    assert (demand.log_demand(prices, np.full((200, 1), 1.2)) >= curve - 1e-12).all()


def test_best_price_is_the_textbook_markup(rng: np.random.Generator) -> None:
    # Constant elasticity -e: the best price is cost * e / (e - 1).
    prior = replace(
        QUIET, families=("constant_elasticity",), log_elasticity=(1.0, 0.1), cost_ratio=(0.4, 0.6)
    )
    markets = prior.sample(rng, 100, 2)
    e = markets.demand.elasticity
    textbook = markets.unit_cost[:, 0] * e / (e - 1)
    inside = (textbook > markets.price_low) & (textbook < markets.price_high)
    best = best_known_price(Simulator(markets, rng), candidates=4001)
    assert inside.sum() > 50
    assert best[inside] == pytest.approx(textbook[inside], rel=1e-3)


def test_counts_have_the_stated_mean_and_variance(rng: np.random.Generator) -> None:
    # Negative binomial: variance = mean + dispersion * mean^2.
    one = replace(QUIET, dispersion=(0.3, 0.3001))
    markets = one.sample(rng, 4000, 5)
    markets = replace(markets, log_level=np.full((4000, 5), 3.0))
    simulator = Simulator(markets, rng)
    demand = np.stack([simulator.step(markets.reference_price).demand for _ in range(5)])
    mean = np.exp(3.0)
    assert demand.mean() == pytest.approx(mean, rel=0.02)
    assert demand.var() == pytest.approx(mean + 0.3 * mean**2, rel=0.05)


def test_same_seed_same_luck_whatever_the_policy(rng: np.random.Generator) -> None:
    markets = Prior().sample(rng, 100, 20)
    cheap, dear = (Simulator(markets, np.random.default_rng(9)) for _ in range(2))
    for _ in range(20):
        low = cheap.step(markets.price_low).demand
        high = dear.step(markets.price_high).demand
        assert (low >= high).all()  # common random numbers: a lower price never sells less


def test_sales_never_exceed_stock(rng: np.random.Generator) -> None:
    markets = replace(Prior(), stock_chance=1.0).sample(rng, 200, 30)
    simulator = Simulator(markets, rng)
    history, outcomes = simulate_log(simulator, LoggingPolicies(markets, rng), 30)
    assert (history.units <= history.stock).all()
    assert any((o.units < o.demand).any() for o in outcomes)


def test_endogenous_sellers_price_with_demand_and_testers_do_not(rng: np.random.Generator) -> None:
    markets = replace(Prior(), stock_chance=0.0, shock_sd=(0.3, 0.31)).sample(rng, 2000, 60)
    simulator = Simulator(markets, rng)
    sellers = LoggingPolicies(markets, rng)
    history, _ = simulate_log(simulator, sellers, 60)

    def correlation(kind: str) -> float:
        rows = sellers.kind == LOGGING_POLICIES.index(kind)
        p = np.log(history.price[rows])
        s = markets.shock[rows]
        p, s = p - p.mean(axis=1, keepdims=True), s - s.mean(axis=1, keepdims=True)
        return float((p * s).sum() / np.sqrt((p**2).sum() * (s**2).sum()))

    assert correlation("endogenous") > 0.5
    assert abs(correlation("random_test")) < 0.05


def test_constant_sellers_never_move(rng: np.random.Generator) -> None:
    markets = Prior().sample(rng, 500, 40)
    sellers = LoggingPolicies(markets, rng)
    history, _ = simulate_log(Simulator(markets, rng), sellers, 40)
    still = history.price[sellers.kind == LOGGING_POLICIES.index("constant")]
    assert len(still) > 5
    assert np.ptp(still, axis=1) == pytest.approx(0.0)


@pytest.mark.parametrize("name", ["policy/PricingMarket-v0", "policy/SeedShop-v0"])
def test_environments_pass_gymnasiums_checker(name: str) -> None:
    check_env(gymnasium.make(name).unwrapped, skip_render_check=True)


def test_seed_shop_earns_most_at_fifty() -> None:
    shop = gymnasium.make("policy/SeedShop-v0")
    earned = {}
    for price in (40.0, 50.0, 60.0):
        shop.reset(seed=0)
        done, total = False, 0.0
        while not done:
            _, reward, _, done, _ = shop.step(np.array([price], dtype=np.float32))
            total += float(reward)
        earned[price] = total
    assert earned == {40.0: 240_000.0, 50.0: 250_000.0, 60.0: 240_000.0}


def test_large_counts_are_as_poisson_as_small_ones() -> None:
    # Either side of the switch to the normal limit the quantiles agree to a unit in ten thousand.
    u = np.linspace(0.001, 0.999, 201)
    exact = np.ceil(pdtrik(u, 20_000.0))
    assert np.abs(poisson_count(u, np.full(201, 20_000.0)) - exact).max() <= 1
    assert (np.diff(poisson_count(u, np.full(201, 9_999.0))) >= 0).all()
    assert np.isfinite(poisson_count(u, np.full(201, 1e9))).all()
