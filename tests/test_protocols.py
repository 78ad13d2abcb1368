"""Published protocols: their arithmetic by hand, their figures, and Bayes references against quadrature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policy.evaluation.baselines import CVP, ILSE, LinearModel, MLECycle, ParticleBayes, UniformPrior
from policy.evaluation.baselines.particles import ParticleCloud
from policy.evaluation.protocols import bandit
from policy.evaluation.protocols.contextual import (
    GUARDED,
    baselines,
    exact_prior,
    matched_prior,
    run,
)
from policy.market.contextual import (
    INF_2D_SQ_MIX,
    INF_4D,
    NO_COVARIATES,
    ContextualMarkets,
    ContextualSetting,
)
from policy.market.simulator import Observation, Outcome


def market(alpha: list[float], beta: list[float], *, square: bool, noise: float) -> ContextualMarkets:
    setting = ContextualSetting(name="by hand", dimension=len(alpha), square_share=float(square))
    made = ContextualMarkets(setting, 1, np.random.default_rng(0))
    made.alpha, made.beta = np.array([alpha]), np.array([beta])
    made.covariates[:] = 1.0
    made.noise[:] = noise
    return made


def test_regret_of_a_price_by_hand() -> None:
    # Demand 2 - 0.5 p: best price 2. With noise 0.1: 2 (1 + 0.1) - 3 (0.5 + 0.1) = 0.4.
    made = market([2.0], [-0.5], square=False, noise=0.1)
    assert made.best_price() == pytest.approx(2.0)
    assert made.expected_best() == pytest.approx(2.0)
    outcome, regret = made.step(np.array([3.0]))
    assert outcome.units == pytest.approx(0.6)
    assert outcome.expected_profit == pytest.approx(1.5)
    assert regret == pytest.approx(0.4)


def test_square_markets_square_intercept_and_slope() -> None:
    # (1 + 2)^2 - (0.5 + 1)^2 p = 9 - 2.25 p: best price 2, reward 9.
    made = market([1.0, 2.0], [-0.5, -1.0], square=True, noise=0.0)
    assert made.best_price() == pytest.approx(2.0)
    assert made.expected_best() == pytest.approx(9.0)


def test_rewards_are_floored_in_both_terms() -> None:
    # Demand 0.2 - p + noise of -0.5 is negative at the best price 0.1 too: no regret is left.
    made = market([0.2], [-1.0], square=False, noise=-0.5)
    outcome, regret = made.step(np.array([5.0]))
    assert outcome.units == pytest.approx(-5.3)
    assert outcome.profit == pytest.approx(1e-5)
    assert regret == pytest.approx(0.0)


def test_markets_come_from_the_published_ranges() -> None:
    made = ContextualMarkets(INF_2D_SQ_MIX, 4000, np.random.default_rng(0))
    root = np.sqrt(2)
    assert (made.covariates[:, :, 0] == 1).all()
    for values, low, high in (
        (made.alpha, 1 / root, 3 / root),
        (made.beta, -1.1 / root, -0.1 / root),
        (made.covariates[:, :, 1], 0.0, 5 / root),
    ):
        assert values.min() >= low and values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, rel=0.02)
    assert np.abs(made.noise).max() == 0.5
    assert made.square.mean() == 0.5


def test_the_best_price_has_no_regret() -> None:
    made = ContextualMarkets(INF_4D, 50, np.random.default_rng(0))
    for _ in range(INF_4D.horizon):
        assert made.step(made.best_price())[1] == pytest.approx(0.0)


@pytest.mark.parametrize("prices", [np.full(2, 1.0), np.full(3, -0.1), np.full(3, np.nan)])
def test_impossible_prices_are_refused(prices: np.ndarray) -> None:
    made = ContextualMarkets(INF_4D, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="`prices` must be 3 numbers in"):
        made.step(prices)


def test_policies_meet_the_same_luck() -> None:
    ilse = baselines(INF_4D)["ILSE as published"]
    first = run(INF_4D, {"a": ilse, "b": ilse}, markets=20, seed=3)
    assert (first["a"] == first["b"]).all()
    # Before any data the published estimate is (0.1, -0.1): price 0.5 whatever the covariates.
    made = ContextualMarkets(INF_4D, 20, np.random.default_rng(3))
    policy = ilse()
    policy.reset(made, np.random.default_rng(0))
    assert policy.act(made.observation()) == pytest.approx(0.5)


# Regret that an independent implementation measured, and its standard error. Heavy-tailed policies (ILSE
# without a guard) need more markets than a test can play.
@pytest.mark.parametrize(
    ("setting", "name", "figure", "error"),
    [
        (INF_4D, "Thompson sampling as published, c = .1", 32.4, 0.3),
        (INF_4D, "Gaussian-prior Bayes, greedy", 4.46, 0.08),
        (INF_2D_SQ_MIX, "ILSE with sign guard", 154.0, 9.0),
        (NO_COVARIATES, "ILSE with sign guard", 4.72, 0.13),
        (NO_COVARIATES, "linear Thompson sampling, c = .05", 5.59, 0.13),
        (NO_COVARIATES, "Gaussian-prior Bayes, Thompson", 5.5, 0.1),
    ],
)
def test_published_regret_is_reproduced(
    setting: ContextualSetting, name: str, figure: float, error: float
) -> None:
    regret = run(setting, {name: baselines(setting)[name]}, markets=1000, seed=11)[name].sum(axis=1)
    ours = regret.std(ddof=1) / np.sqrt(len(regret))
    assert regret.mean() == pytest.approx(figure, abs=3 * np.hypot(ours, error))


def test_variance_control_works_in_the_published_scale() -> None:
    opened = replace(GUARDED, first_prices=(1.0, 2.0))
    policies = {"CVP": lambda: CVP(0.5, opened), "MLE-CYCLE": lambda: MLECycle((1.0, 2.0), opened)}
    for name, path in run(NO_COVARIATES, policies, markets=200, seed=1).items():
        # Learning: less regret in the second half than in the first.
        assert path[:, 50:].mean() < path[:, :50].mean(), name


@pytest.mark.parametrize("square", [False, True])
def test_particles_agree_with_quadrature(square: bool) -> None:
    prior = UniformPrior(intercept=(1.0, 3.0), slope=(-1.1, -0.1), noise_sd=0.2)
    rng = np.random.default_rng(5)
    cloud = ParticleCloud(prior, square=square, shape=(30, 1000, 1), rng=rng)
    alpha, beta = np.meshgrid(np.linspace(1, 3, 401), np.linspace(-1.1, -0.1, 401), indexing="ij")
    a, b = (alpha**2, -(beta**2)) if square else (alpha, beta)
    log = np.zeros_like(a)
    for price, units in ((1.0, 2.2), (3.0, 1.1), (2.0, 1.6), (2.5, 1.2)):
        everyone = np.ones(30)
        cloud.update(np.arange(30), everyone[:, None], price * everyone, units * everyone)
        log -= (units - a - b * price) ** 2 / (2 * 0.04)
        weight = np.exp(log - log.max())
        weight /= weight.sum()
        intercept, slope = cloud.curve(everyone[:, None])
        for exact, particles in ((a, intercept), (b, slope)):
            mean = (weight * exact).sum()
            spread = np.sqrt((weight * (exact - mean) ** 2).sum())
            estimate = (np.exp(cloud.log_weight) * particles).sum(axis=1)
            # Thirty clouds of 1,000: each near the truth, their mean very near.
            assert np.abs(estimate - mean).max() < 0.4 * spread
            assert estimate.mean() == pytest.approx(mean, abs=0.05 * spread)
    evidence = np.log(np.exp(log).mean())
    assert cloud.log_evidence.mean() == pytest.approx(evidence, abs=0.1)


def test_the_exact_bayesian_finds_out_which_markets_are_square() -> None:
    # At random prices: the prices a policy prefers may leave the two families alike for long.
    rng = np.random.default_rng(2)
    made = ContextualMarkets(INF_2D_SQ_MIX, 12, rng)
    policy = ParticleBayes(exact_prior(INF_2D_SQ_MIX), thompson=False, particles=200)
    policy.reset(made, rng)
    for _ in range(15):
        policy.observe(made.observation(), made.step(rng.uniform(0.0, 10.0, 12))[0])
    assert policy.act(made.observation()) == pytest.approx(made.best_price(), abs=0.5)
    assert (policy._family_weights()[1] > 0.99).tolist() == made.square.tolist()


def test_knowing_the_prior_pays() -> None:
    policies = {
        "ILSE with sign guard": lambda: ILSE(GUARDED),
        "exact": lambda: ParticleBayes(exact_prior(INF_4D), thompson=False, particles=150),
    }
    plain, informed = (path.sum(axis=1) for path in run(INF_4D, policies, markets=16, seed=4).values())
    assert informed.mean() < 0.6 * plain.mean()


def test_priors_describe_the_markets() -> None:
    matched, exact = matched_prior(INF_4D), exact_prior(INF_4D)
    assert matched.mean == pytest.approx(np.repeat([1.0, -0.3], 4))
    assert np.diag(matched.covariance) == pytest.approx(np.repeat([1 / 12, 0.25 / 12], 4))
    assert exact.intercept == pytest.approx((0.5, 1.5))
    assert exact.slope == pytest.approx((-0.55, -0.05))


def test_pulling_the_best_arm_has_no_regret() -> None:
    made = bandit.Bandits(10, np.random.default_rng(0))
    best = made.means.argmax(axis=1).astype(float)
    outcome, regret = made.step(best)
    assert regret == pytest.approx(0.0)
    assert outcome.expected_profit == pytest.approx(made.expected_best())
    with pytest.raises(ValueError, match="10 arm numbers from 0 to 4"):
        made.step(best + 0.5)


def test_arm_indices_by_hand() -> None:
    made = bandit.Bandits(1, np.random.default_rng(0))
    pulls = ((0, 0.2), (0, 0.6), (1, 0.5), (2, 0.1), (3, 0.3), (4, 0.7))
    for policy, expected in (
        (bandit.EmpiricalGreedy(), [0.4, 0.5, 0.1, 0.3, 0.7]),
        (bandit.UCB(0.5), [0.4 + 0.5 / np.sqrt(2), 1.0, 0.6, 0.8, 1.2]),
        # Prior precision 12, a pull 1 / 0.09 = 11.11: arm 0 has (6 + 8.889) / 34.22 + 2 / sqrt(34.22).
        (bandit.PosteriorUCB(2.0), [0.7770, 0.9160, 0.7237, 0.8198, 1.0122]),
    ):
        policy.reset(made, np.random.default_rng(0))
        for arm, reward in pulls:
            outcome = Outcome(*[np.array([float(arm)])] * 6)
            policy.observe(made.observation(), replace(outcome, units=np.array([reward])))
        assert policy._index() == pytest.approx(np.array([expected]), abs=2e-4)
        assert policy.act(made.observation()) == [4.0]


@pytest.mark.parametrize(
    ("name", "figure"),
    [("UCB", 10.5), ("Thompson sampling", 9.6), ("UCB(.5)", 6.9), ("Bayes-UCB(2 sigma)", 6.6)],
)
def test_published_bandit_regret_is_reproduced(name: str, figure: float) -> None:
    regret = bandit.run({name: bandit.BASELINES[name]}, markets=1000, seed=12)[name].sum(axis=1)
    error = regret.std(ddof=1) / np.sqrt(len(regret))
    assert regret.mean() == pytest.approx(figure, abs=max(3 * error, 0.4))


def test_every_arm_is_tried_first() -> None:
    made = bandit.Bandits(7, np.random.default_rng(0))
    policy = bandit.EmpiricalGreedy()
    policy.reset(made, np.random.default_rng(0))
    for t in range(5):
        observation: Observation = made.observation()
        arms = policy.act(observation)
        assert (arms == t).all()
        policy.observe(observation, made.step(arms)[0])


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="`dimension` must be at least 1"):
        ContextualSetting(name="none", dimension=0)
    with pytest.raises(ValueError, match="`square_share` must be in"):
        ContextualSetting(name="none", dimension=1, square_share=1.5)
    with pytest.raises(ValueError, match="`slope` must lie below 0"):
        UniformPrior(intercept=(1.0, 3.0), slope=(-1.0, 0.0), noise_sd=0.2)
    with pytest.raises(ValueError, match="`ridge`"):
        LinearModel(ridge=-1.0)
