"""The Bayes reference: its posterior agrees with brute force, is calibrated, and prices as theory says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nbinom, norm

from policy.evaluation.baselines import ILSE
from policy.evaluation.bayes import (
    STATIC_PRIOR,
    VIEWS_NOISE,
    VIEWS_OFFSET,
    BayesGreedy,
    BayesThompson,
    ParticlePosterior,
)
from policy.evaluation.benchmark import Suite, play
from policy.market import Markets, Prior, Simulator

ONE_FAMILY = replace(STATIC_PRIOR, families=("constant_elasticity",), dispersion=(0.1, 0.1))
KNOWN_LEVEL = replace(ONE_FAMILY, log_units=(3.0, 0.0), large_log_units=(3.0, 3.0))
SMALL = Suite(name="static", markets=40, logged=0, horizon=12, prior=STATIC_PRIOR, seed=5)


def sell(
    posterior: ParticlePosterior, markets: Markets, periods: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random prices for some periods; prices over reference, units and traffic that followed, (B, T)."""
    simulator = Simulator(markets, rng)
    seen = []
    for _ in range(periods):
        x = np.exp(rng.uniform(-0.6, 0.6, len(markets)))
        outcome = simulator.step(x * markets.reference_price)
        posterior.update(x, outcome.units, outcome.views)
        seen.append((x, outcome.units, outcome.views))
    x, units, views = (np.stack(path, axis=1) for path in zip(*seen, strict=True))
    return x, units, views


def log_chance(units: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    return nbinom.logpmf(units, 1 / dispersion, 1 / (1 + dispersion * mean))


def log_elasticities(points: int) -> tuple[np.ndarray, np.ndarray]:
    """A grid for the normal draw, and what the prior makes of it: elasticities end at 0.15 and 9."""
    raw = np.linspace(-2.5, 4.0, points)
    return raw, np.clip(raw, np.log(0.15), np.log(9.0))


def test_static_markets_stand_still() -> None:
    markets = STATIC_PRIOR.sample(np.random.default_rng(0), 200, 50)
    assert np.ptp(markets.log_level, axis=1).max() < 1e-6
    assert (markets.sensitivity == 1).all() and not markets.has_competitor.any()
    assert np.isinf(markets.order_up_to).all() and (markets.zero_chance == 0).all()
    assert (markets.reference_effect == 0).all() and (markets.pantry_effect == 0).all()


def test_traffic_is_what_the_reference_takes_it_for() -> None:
    markets = STATIC_PRIOR.sample(np.random.default_rng(0), 4000, 20)
    log_views = np.log(markets.views) - VIEWS_OFFSET
    assert np.sqrt(log_views.var(axis=1, ddof=1).mean()) == pytest.approx(VIEWS_NOISE, rel=0.02)
    high = markets.log_level[:, 0] > 3
    share = log_views.mean(axis=1)[high] / markets.log_level[high, 0]
    assert share.mean() == pytest.approx(0.5, abs=0.02) and share.std() == pytest.approx(12**-0.5, abs=0.02)


def test_particles_start_at_the_prior() -> None:
    posterior = ParticlePosterior(STATIC_PRIOR, 100, np.random.default_rng(1), particles=400)
    markets = STATIC_PRIOR.sample(np.random.default_rng(2), 40_000, 1)
    truth = {
        "level": markets.log_level[:, 0],
        "elasticity": markets.demand.elasticity,
        "log_dispersion": np.log(markets.dispersion),
        "kink": markets.demand.kink,
    }
    levels = [0.02, 0.25, 0.5, 0.75, 0.98]
    for name, drawn in truth.items():
        ours = posterior.parameters()[name].ravel()
        assert np.quantile(ours, levels) == pytest.approx(np.quantile(drawn, levels), rel=0.04, abs=0.1), name


def test_known_level_and_family_agree_with_a_dense_grid() -> None:
    rng = np.random.default_rng(3)
    markets = KNOWN_LEVEL.sample(rng, 6, 5)
    posterior = ParticlePosterior(KNOWN_LEVEL, 6, rng, particles=2000)
    x, units, _ = sell(posterior, markets, 4, rng)
    raw, log_e = log_elasticities(2001)
    mean = np.exp(3.0 - np.exp(log_e)[:, None, None] * np.log(x))  # (grid, B, T)
    log_post = (
        log_chance(units, mean, 0.1).sum(axis=2) + norm.logpdf(raw, *KNOWN_LEVEL.log_elasticity)[:, None]
    )
    weight = np.exp(log_post - log_post.max(axis=0))
    weight /= weight.sum(axis=0)
    exact = (weight * log_e[:, None]).sum(axis=0)
    exact_sd = np.sqrt((weight * (log_e[:, None] - exact) ** 2).sum(axis=0))
    ours = np.log(posterior.parameters()["elasticity"])
    centre = (posterior.weights * ours).sum(axis=1)
    sd = np.sqrt((posterior.weights * (ours - centre[:, None]) ** 2).sum(axis=1))
    assert (np.abs(centre - exact) < 0.15 * exact_sd).all()
    assert sd == pytest.approx(exact_sd, rel=0.15)


def test_sales_and_traffic_together_agree_with_a_dense_grid() -> None:
    # Level and elasticity unknown; the share of traffic that moves with the level is summed out by hand.
    prior = replace(ONE_FAMILY, log_units=(2.0, 1.0), large_log_units=(0.0, 4.0))
    rng = np.random.default_rng(4)
    markets = prior.sample(rng, 5, 5)
    posterior = ParticlePosterior(prior, 5, rng, particles=2000)
    x, units, views = sell(posterior, markets, 2, rng)
    level = np.linspace(-2.0, 6.0, 401)[:, None]
    raw, log_e = log_elasticities(301)
    share = np.linspace(0.0, 1.0, 2001)
    density = 5 / 6 * norm.pdf(level, 2.0, 1.0) + 1 / 6 * ((level >= 0) & (level <= 4)) / 4.0
    for row in range(5):
        seen = np.log(views[row]) - VIEWS_OFFSET
        traffic = norm.pdf(seen, level[..., None] * share[:, None], VIEWS_NOISE).prod(axis=-1).mean(axis=1)
        weight = density * traffic[:, None] * norm.pdf(raw, *prior.log_elasticity)
        for price, sold in zip(x[row], units[row], strict=True):
            weight = weight * np.exp(log_chance(sold, np.exp(level - np.exp(log_e) * np.log(price)), 0.1))
        weight /= weight.sum()
        exact = (weight * level).sum()
        sd = np.sqrt((weight * (level - exact) ** 2).sum())
        ours = (posterior.weights[row] * posterior.parameters()["level"][row]).sum()
        assert abs(ours - exact) < 0.2 * sd


def test_the_posterior_closes_in_on_the_truth() -> None:
    rng = np.random.default_rng(6)
    # Truths from a corner of the prior where thirty sales tell much; the reference knows the whole of it.
    corner = replace(
        STATIC_PRIOR,
        log_units=(6.0, 0.5),
        large_log_units=(5.0, 7.0),
        dispersion=(0.003, 0.02),
        steep_chance=0.0,
    )
    markets = corner.sample(rng, 12, 40)
    posterior = ParticlePosterior(STATIC_PRIOR, 12, rng, particles=256)
    sell(posterior, markets, 30, rng)
    x = np.tile([0.8, 1.0, 1.4], (12, 1))
    rows, everyone = np.arange(12), np.tile(np.arange(256), (12, 1))
    units = np.exp(posterior.log_units(rows, x, everyone))
    mean = np.einsum("bn,bnp->bp", posterior.weights, units)
    prices = x * markets.reference_price[:, None]
    truth = np.exp(markets.log_mean_units(0, prices, np.ones(12), np.zeros(12)))
    # As a share of what is sold at the lowest of the prices: next to nothing may be off by any factor.
    assert (np.abs(mean - truth) < 0.15 * truth[:, :1]).all()


@pytest.mark.slow
def test_the_posterior_is_calibrated() -> None:
    # Truths drawn from the prior fall evenly over their posterior's quantiles (Cook, Gelman, Rubin 2006).
    rng = np.random.default_rng(7)
    markets = STATIC_PRIOR.sample(rng, 200, 5)
    posterior = ParticlePosterior(STATIC_PRIOR, 200, rng, particles=256)
    sell(posterior, markets, 3, rng)
    for name, truth in (("level", markets.log_level[:, 0]), ("elasticity", markets.demand.elasticity)):
        rank = (posterior.weights * (posterior.parameters()[name] < truth[:, None])).sum(axis=1)
        assert rank.mean() == pytest.approx(0.5, abs=0.06), name
        assert ((rank > 0.1) & (rank < 0.9)).mean() == pytest.approx(0.8, abs=0.08), name


def test_before_any_sale_greedy_prices_by_the_prior() -> None:
    # Constant elasticity of exactly 3: the best price is cost * 3 / 2, whatever the level.
    prior = replace(ONE_FAMILY, log_elasticity=(float(np.log(3.0)), 0.0), cost_ratio=(0.4, 0.9))
    rng = np.random.default_rng(8)
    markets = prior.sample(rng, 20, 1)
    observation = Simulator(markets, rng).observation()
    for make in (BayesGreedy, BayesThompson):
        policy = make(prior, particles=64)
        policy.reset(markets, rng)
        assert policy.act(observation) == pytest.approx(1.5 * observation.unit_cost, rel=2e-3)


def test_thompson_draws_and_greedy_does_not() -> None:
    # Twenty copies of one market before any sale: greedy sees the same prior, Thompson draws from it.
    rng = np.random.default_rng(9)
    markets = STATIC_PRIOR.sample(rng, 1, 1).take(np.zeros(20, dtype=int))
    observation = Simulator(markets, rng).observation()
    spread = {}
    for make in (BayesGreedy, BayesThompson):
        policy = make(particles=512)
        policy.reset(markets, rng)
        spread[make] = np.log(policy.act(observation)).std()
    assert spread[BayesGreedy] < 0.3 * spread[BayesThompson]


@pytest.mark.slow
@pytest.mark.parametrize("make", [BayesGreedy, BayesThompson])
def test_knowing_the_prior_pays(make: type) -> None:
    ours = play(SMALL, lambda simulator: make(particles=128)).captured
    theirs = play(SMALL, lambda simulator: ILSE()).captured
    assert (ours <= 1 + 1e-9).all() and ours.mean() > theirs.mean() + 0.05


def test_markets_that_do_not_stand_still_are_refused() -> None:
    rng = np.random.default_rng(10)
    markets = replace(Prior(), competitor_chance=1.0).sample(rng, 3, 2)
    simulator = Simulator(markets, rng)
    policy = BayesGreedy(particles=8)
    policy.reset(markets, rng)
    observation = simulator.observation()
    with pytest.raises(ValueError, match="static markets only"):
        policy.observe(observation, simulator.step(markets.reference_price))
