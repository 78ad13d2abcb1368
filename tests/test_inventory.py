"""Two published shops: the fluid program is solved exactly, oracles earn what theory says, nobody peeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.optimize import linprog

from policy.decision.interface import PricingPolicy
from policy.evaluation.baselines import CILS, CVP, ILSE, KeepPrice, LinearModel, LinearThompson
from policy.evaluation.protocols.inventory import (
    DynamicProgram,
    KnownDemandFluid,
    StockBlindThompson,
    ThompsonFixed,
    ThompsonUpdate,
    play_inventory,
)
from policy.evaluation.protocols.seed_shop import BEST_REVENUE, play_seed_shop, shop_facts
from policy.market import Markets, Observation
from policy.market.inventory import InventoryProblem, fluid_prices, optimal_values
from policy.market.simulator import Outcome

PAPER = InventoryProblem()


@pytest.mark.parametrize("supply", [0.0, 0.05, 0.25, 0.6, 2.0])
def test_the_fluid_program_is_solved_exactly(supply: float) -> None:
    rng = np.random.default_rng(0)
    demand = rng.random((40, 4))
    revenue = demand * np.array(PAPER.prices)
    x = fluid_prices(revenue, demand, np.full(40, supply))
    assert (x >= 0).all() and (x.sum(axis=1) <= 1 + 1e-12).all()
    assert ((x * demand).sum(axis=1) <= supply + 1e-12).all()
    for row in range(40):
        best = linprog(-revenue[row], A_ub=[demand[row], np.ones(4)], b_ub=[supply, 1.0])
        assert (x[row] * revenue[row]).sum() == pytest.approx(-best.fun, abs=1e-8)


def test_the_papers_shop_mixes_its_two_highest_prices() -> None:
    # Supply 0.25 lies between the chances 0.3 at 39.9 and 0.1 at 44.9: three customers in four meet 39.9.
    demand = np.array([PAPER.chances])
    x = fluid_prices(demand * np.array(PAPER.prices), demand, np.array([0.25]))
    assert x[0] == pytest.approx([0, 0, 0.75, 0.25])


def test_equal_chances_are_no_trouble() -> None:
    # Where the price does not matter, the highest is offered as often as stock allows.
    x = fluid_prices(np.array([[5.0, 7.0]]), np.array([[0.5, 0.5]]), np.array([0.25]))
    assert x[0] == pytest.approx([0, 0.5])


def test_the_last_unit_and_two_customers_by_hand() -> None:
    # One customer to come: the best of p d is 0.6 x 34.9 = 20.94, against 23.92 at 29.9. So 23.92. With two
    # and one unit: max over prices of d p + (1 - d) 23.92, that is 0.6 x 34.9 + 0.4 x 23.92 = 30.508.
    value = optimal_values(InventoryProblem(horizon=2, stock_ratio=0.5))
    assert value[1, 1] == pytest.approx(23.92)
    assert value[2, 1] == pytest.approx(30.508)
    assert (value[:, 0] == 0).all()


def test_plenty_of_stock_needs_no_planning() -> None:
    problem = InventoryProblem(horizon=50, stock_ratio=1.0)
    assert optimal_values(problem)[-1, -1] == pytest.approx(50 * 0.8 * 29.9)


@pytest.mark.parametrize(("horizon", "published"), [(100, 1001.5), (500, 5043.4)])
def test_the_dynamic_program_earns_what_was_published(horizon: int, published: float) -> None:
    problem = InventoryProblem(horizon=horizon)
    value = optimal_values(problem)[-1, -1]
    assert value == pytest.approx(published, abs=0.05)
    revenue = play_inventory(problem, DynamicProgram(), replications=2000, seed=3)
    assert abs(revenue.mean() - value) < 4 * revenue.std() / np.sqrt(2000)


@pytest.mark.parametrize(
    ("make", "share"),
    [
        (KnownDemandFluid, 0.995),
        (ThompsonUpdate, 0.957),
        (ThompsonFixed, 0.824),
        (StockBlindThompson, 0.818),
    ],
)
def test_each_policy_earns_its_measured_share_of_the_optimum(make: type, share: float) -> None:
    revenue = play_inventory(PAPER, make(), replications=4000, seed=4) / optimal_values(PAPER)[-1, -1]
    assert revenue.mean() == pytest.approx(share, abs=0.004)


def test_no_policy_sells_more_than_its_stock() -> None:
    revenue = play_inventory(PAPER, StockBlindThompson(), replications=500, seed=5)
    assert (revenue <= PAPER.stock * max(PAPER.prices) + 1e-9).all()


def test_an_impossible_shop_is_refused() -> None:
    with pytest.raises(ValueError, match="pair up"):
        InventoryProblem(prices=(1.0,))
    with pytest.raises(ValueError, match="stock_ratio"):
        replace(PAPER, stock_ratio=0.0)


class Always:
    """Charges one price."""

    def __init__(self, price: float):
        self._price = price

    def reset(self, markets: Markets, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> np.ndarray:
        return np.full(len(observation.last_price), self._price)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        assert (outcome.units == 100.0 - outcome.price).all()


@pytest.mark.parametrize(("price", "share"), [(50.0, 1.0), (25.0, 0.75), (100.0, 0.0), (1000.0, 0.0)])
def test_the_seeds_shop_pays_by_its_parabola(price: float, share: float) -> None:
    earned = play_seed_shop(Always(price), shops=2, rng=np.random.default_rng(0))
    assert earned.shape == (2, 100)
    assert earned == pytest.approx(share)


def test_keeping_the_seeds_first_price_earns_nothing() -> None:
    assert play_seed_shop(KeepPrice(), shops=1, rng=np.random.default_rng(0)).sum() == 0


GENTLE_START = LinearModel(first_prices=(1.0, 0.9))


@pytest.mark.parametrize("make", [CILS, CVP, LinearThompson, partial(ILSE, model=GENTLE_START)])
def test_linear_baselines_learn_the_seeds_shop(make: Callable[[], PricingPolicy]) -> None:
    earned = play_seed_shop(make(), shops=4, rng=np.random.default_rng(0))
    assert (earned <= 1 + 1e-12).all() and earned[:, 50:].mean() > 0.95
    assert earned.mean() * 100 * BEST_REVENUE > 220_000


def test_greedy_least_squares_confirms_its_own_mistake_in_the_seeds_shop() -> None:
    # Incomplete learning (Keskin and Zeevi 2014): from test prices as far apart as the tuned ones, the price
    # stops moving away from the best one, 50, so that nothing more is learned. Rules that force prices to
    # vary get there from anywhere.
    earned = play_seed_shop(ILSE(), shops=1, rng=np.random.default_rng(0))
    assert np.ptp(earned[0, 50:]) < 1e-3
    assert earned[0, 50:].mean() < 0.6


def test_a_seller_of_the_seeds_shop_is_told_no_demand() -> None:
    facts = shop_facts(3)
    assert np.isnan(facts.demand.elasticity).all() and np.isnan(facts.log_level).all()
    assert (facts.reference_price == 100).all() and (facts.unit_cost == 0).all()
