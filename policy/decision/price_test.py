"""Price tests: which prices, for how long, at what cost, and what may come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, ndtr, ndtri

from policy.decision.bounds import Circumstances
from policy.decision.given import QuestionError, require_positive
from policy.decision.limits import check, permitted
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import interval_at
from policy.decision.product import Product
from policy.decision.recommend import TEST_STEP, rule_cautions, search_range, what_if_cautions
from policy.decision.recommendation import Interval, Objective
from policy.decision.rules import Rules
from policy.decision.settle import WORTHWHILE
from policy.decision.situation import posterior_of
from policy.model.future import MOST_AHEAD
from policy.model.posterior import Posterior

MOST_PERIODS = 52
"""Periods per price beyond which no test is foreseen to tell anything."""

MOST_TESTED = 13
"""Periods per price that a test is proposed for at most."""

POWER = 0.8
"""Chance of telling a difference that is there."""

ERROR = 0.1
"""Chance of declaring a difference where there is none, two-sided."""

SIMULATED = 1000
"""Tests that are played through to find out what they are worth."""

CHANGED = 0.02
"""The price has changed where the best one differs by more than this share."""

SEED = 60_111


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One price to be tested against the present one."""

    price: float
    gain: Interval
    """Objective at it minus at the present price, per period, as believed before the test."""
    periods: int | None
    """Periods at each of the two prices until the test tells which of them earns more, with the power wanted;
    None where more than `MOST_PERIODS`."""


@dataclass(frozen=True, kw_only=True)
class ScheduledPrice:
    """One period of the schedule."""

    date: str
    """First day, ISO 8601."""
    price: float


@dataclass(frozen=True, kw_only=True)
class PriceTest:
    """A test of one product: prices take turns, period by period, in random order within each round."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    period: str
    objective: Objective
    unit_cost: float | None
    current_price: float
    arms: tuple[Arm, ...]
    power: float
    """`POWER`."""
    periods_per_price: int
    tells: Literal["profit", "elasticity", "neither"]
    """What a test of that length tells: the difference of profit (revenue without a cost) of every arm, with
    its power; where that takes longer than the limit, the elasticity, to half its present interval; or
    neither within the limit, at which the length then is."""
    periods: int
    """In all."""
    schedule: tuple[ScheduledPrice, ...]
    """The periods as far as forecasts reach, 28 at most; further rounds go on alike."""
    elasticity: Interval
    """As believed before the test."""
    periods_for_elasticity: int | None
    """Periods per price until the test by itself gives an interval of the elasticity half as wide as that;
    None where more than `MOST_PERIODS`."""
    cost: Interval
    """Expected objective given up during the test against keeping the price; negative where testing is
    expected to earn."""
    chance_changed: float
    """Chance that the best price after the test differs by more than 2 % from the best one before."""
    value_per_period: float
    """What knowing the outcome is expected to add to the objective in every period after it."""
    pays_back_after: float | None
    """Periods after the test until it has paid for itself; 0 where it costs nothing, None where never."""
    cautions: tuple[str, ...]
    """As of a what-if; `breaks_` and a rule for every rule that a price of the schedule breaks, held against
    the present one."""


def price_test(
    product: Product,
    *,
    prices: Sequence[float] | None = None,
    rules: Rules | None = None,
    unit_cost: float | None = None,
    fee: float = 0.0,
    shipping: float = 0.0,
) -> PriceTest:
    """Design a test of one or two prices against the present one.

    The length is the textbook's for a difference of two means, at the difference and the noise that each
    demand curve of the posterior states, with power averaged over the curves (assurance: O'Hagan, Stevens and
    Campbell 2005, Pharmaceutical Statistics 4(3)) under which the difference is worth acting on at all.
    Periods are taken as independent; that prices take turns in random order keeps slow changes of demand out
    of the comparison (switchback designs: Bojinov, Simchi-Levi and Zhao 2023, Management Science 69(7)).

    What it is worth is found by playing it through (preposterior analysis: Raiffa and Schlaifer 1961): counts
    are drawn under a curve of the posterior, the curves weighed anew by them, the best price sought again.

    Parameters
    ----------
    prices
        One or two prices to test, store currency; by default a tenth above and below, within rules.
    unit_cost
        In place of the known one; without any, revenue is compared.
    fee, shipping
        As in `UnitEconomics`.

    Raises
    ------
    QuestionError
        A number is out of its range, or rules permit no other price.
    """
    require_positive(unit_cost=unit_cost)
    economics = product.economics(unit_cost=unit_cost, fee=fee, shipping=shipping)
    current = product.current_price
    limits = rules or Rules()
    now = product.circumstances(limits, unit_cost=economics.unit_cost)
    tested = _prices(prices, limits, now)
    situation = product.situation(1)
    if economics.unit_cost is not None:
        situation = situation.with_future(cost=np.array([economics.unit_cost]))
    posterior = posterior_of(product.network, situation)
    arms = tuple(_arm(posterior, economics, current, price) for price in tested)
    slope = interval_at(posterior.elasticity(situation.current_price))
    prices_charged = np.array([current, *tested])
    to_elasticity = periods_for_elasticity(posterior, prices_charged, reach=(slope.high - slope.low) / 4)
    each, tells = _length([arm.periods for arm in arms], to_elasticity)
    low, high = search_range(product.evidence)
    rng = np.random.default_rng(SEED)
    chance, value = worth_of_test(
        posterior,
        prices_charged,
        np.geomspace(low[0], high[0], 61),
        economics=economics,
        periods=each,
        rng=rng,
    )
    values = economics.value(prices_charged) * posterior.component_units(prices_charged[None, :])[0]
    given_up = each * (values[:, :1] - values[:, 1:]).sum(axis=1)  # (K,)
    cost = interval_at(posterior.gain_interval(given_up[None, :]))
    schedule = _schedule(product, [current, *tested], each, rng)
    cautions = [
        caution
        for price in tested
        for caution in what_if_cautions(product.evidence, 0, price, economics.break_even or np.nan)
    ]
    return PriceTest(
        sku=product.sku,
        store=product.store,
        name=product.label.name,
        currency=product.label.currency,
        period=product.period,
        objective=economics.objective,
        unit_cost=economics.unit_cost,
        current_price=current,
        arms=arms,
        power=POWER,
        periods_per_price=each,
        tells=tells,
        periods=each * (1 + len(tested)),
        schedule=schedule,
        elasticity=slope,
        periods_for_elasticity=to_elasticity,
        cost=cost,
        chance_changed=chance,
        value_per_period=value,
        pays_back_after=0.0 if cost.mean <= 0 else cost.mean / value if value > 0 else None,
        cautions=tuple(dict.fromkeys([*cautions, *_broken(schedule, limits, now)])),
    )


def _broken(schedule: tuple[ScheduledPrice, ...], rules: Rules, now: Circumstances) -> list[str]:
    """What its reader should know of rules: freezes and exceptions may begin or end while it goes on."""
    return [
        caution
        for step in schedule
        if step.price != now.current_price
        for caution in rule_cautions(
            check(step.price, rules, replace(now, date=Date.fromisoformat(step.date)))
        )
    ]


def _prices(given: Sequence[float] | None, rules: Rules, now: Circumstances) -> tuple[float, ...]:
    current = now.current_price
    if given is not None:
        if not 1 <= len(given) <= 2:
            raise QuestionError("too_many_prices", "Test one or two prices, got {count}.", count=len(given))
        for price in given:
            require_positive(price=price)
        if any(abs(price / current - 1) < 0.01 for price in given) or len(set(given)) < len(given):
            raise QuestionError(
                "same_price",
                "Test prices must differ from the present {current:g} by a hundredth or more, and from each "
                "other; got {prices}.",
                current=current,
                prices=", ".join(f"{price:g}" for price in given),
            )
        return tuple(float(price) for price in given)
    near = []
    for step in (1 - TEST_STEP, 1 + TEST_STEP):
        found = permitted(current * step, rules, now)
        if found is not None and abs(found / current - 1) >= 0.01 and found not in near:
            near.append(found)
    if not near:
        raise QuestionError(
            "no_price_permitted",
            "Rules permit no price near {current:g} to test. Relax one of them, or name the prices to test.",
            current=current,
        )
    return tuple(near)


def _length(
    of_arms: list[int | None], to_elasticity: int | None
) -> tuple[int, Literal["profit", "elasticity", "neither"]]:
    """Periods per price, and what they tell."""
    known = [n for n in of_arms if n is not None and n <= MOST_TESTED]
    if len(known) == len(of_arms):
        return max(known), "profit"
    if to_elasticity is not None and to_elasticity <= MOST_TESTED:
        return to_elasticity, "elasticity"
    return MOST_TESTED, "neither"


def _arm(posterior: Posterior, economics: UnitEconomics, current: float, price: float) -> Arm:
    pair = np.array([price, current])
    units = posterior.component_units(pair[None, :])[0]  # (K, 2)
    values = economics.value(pair) * units
    return Arm(
        price=price,
        gain=interval_at(posterior.gain_interval((values[:, 0] - values[:, 1])[None, :])),
        periods=periods_for_difference(
            posterior.weights[0],
            values,
            economics.value(pair) ** 2 * _variance(units, posterior.dispersion[0]),
            power=POWER,
            error=ERROR,
        ),
    )


def _variance(units: NDArray, dispersion: NDArray) -> NDArray:
    """Of the count of a period: mean units (K, P) and dispersion (K,) to (K, P)."""
    return units + dispersion[:, None] * units**2


def periods_for_difference(
    weights: NDArray, values: NDArray, variances: NDArray, *, power: float, error: float
) -> int | None:
    """Periods at each of two prices until their difference is told with the power wanted.

    For one curve it is the textbook's (z_{1-error/2} + z_{power})^2 (v_1 + v_2) / difference^2.

    Parameters
    ----------
    weights
        Of the curves, shape (K,).
    values, variances
        Mean and variance of the objective per period under each curve at the two prices, shape (K, 2).
    """
    difference = np.abs(values[:, 0] - values[:, 1])
    matters = difference >= WORTHWHILE * np.abs(values[:, 1])
    if not (weights[matters] > 0).any():
        return None
    w = weights[matters] / weights[matters].sum()
    signal = difference[matters] / np.sqrt(variances[matters].sum(axis=1))
    periods = np.arange(1, MOST_PERIODS + 1)
    assured = ndtr(signal * np.sqrt(periods)[:, None] - ndtri(1 - error / 2)) @ w
    enough = assured >= power - 1e-12
    return int(periods[enough.argmax()]) if enough.any() else None


def periods_for_elasticity(posterior: Posterior, prices: NDArray, *, reach: float) -> int | None:
    """Periods at each of the lowest and the highest price until log units tell the elasticity between them to
    within `reach` either way in four cases of five (delta method), for a posterior of one row."""
    ends = np.array([[prices.min(), prices.max()]])
    units = posterior.component_units(ends)[0]
    relative = _variance(units, posterior.dispersion[0]) / units**2  # of log units in a period
    variance = (
        float(posterior.weights[0] @ relative.sum(axis=1)) / float(np.log(ends[0, 1] / ends[0, 0])) ** 2
    )
    periods = int(np.ceil(variance * (ndtri(0.9) / reach) ** 2))
    return periods if periods <= MOST_PERIODS else None


def worth_of_test(
    posterior: Posterior,
    tested: NDArray,
    candidates: NDArray,
    *,
    economics: UnitEconomics,
    periods: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Chance that a test changes the best price, and what it adds to the objective per period after it.

    Parameters
    ----------
    posterior
        Of one row.
    tested
        All prices of the test, the present one among them, shape (A,).
    candidates
        Prices among which the best is sought, before and after, shape (P,).
    """
    weights, k = posterior.weights[0], posterior.weights.shape[1]
    mean = posterior.component_units(tested[None, :])[0]  # (K, A)
    size = 1.0 / posterior.dispersion[0]
    truth = rng.choice(k, SIMULATED, p=weights / weights.sum())
    shape = np.broadcast_to(size[truth, None, None], (SIMULATED, periods, len(tested)))
    rate = rng.gamma(shape) / shape
    units = rng.poisson(np.minimum(mean[truth][:, None, :] * rate, 1e12)).astype(float)
    log_likelihood = np.stack(
        [_log_negative_binomial(units, mean[i], size[i]).sum(axis=(1, 2)) for i in range(k)], axis=1
    )
    with np.errstate(divide="ignore"):
        log_after = np.log(weights) + log_likelihood
    after = np.exp(log_after - logsumexp(log_after, axis=1, keepdims=True))  # (tests, K)
    value = economics.value(candidates) * posterior.component_units(candidates[None, :])[0]  # (K, P)
    now = int((weights @ value).argmax())
    best = (after @ value).argmax(axis=1)
    gained = (after * (value[:, best].T - value[:, now])).sum(axis=1)
    changed = np.abs(candidates[best] / candidates[now] - 1) > CHANGED
    return float(changed.mean()), float(max(gained.mean(), 0.0))


def _log_negative_binomial(units: NDArray, mean: NDArray, size: float) -> NDArray:
    """Log probability of counts but for terms that all curves share; `mean` broadcasts over the last axis."""
    return (
        gammaln(units + size)
        - gammaln(size)
        - size * np.log1p(mean / size)
        + units * (np.log(mean) - np.log(mean + size))
    )


def _schedule(
    product: Product, prices: list[float], each: int, rng: np.random.Generator
) -> tuple[ScheduledPrice, ...]:
    """Rounds in which every price comes once, in random order."""
    turns = np.concatenate([rng.permutation(prices) for _ in range(each)])[:MOST_AHEAD]
    window = product.window(periods=len(turns))
    return tuple(
        ScheduledPrice(date=date, price=float(price)) for date, price in zip(window.dates, turns, strict=True)
    )
