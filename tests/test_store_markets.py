"""Markets drawn from a posterior on a store's products: what must be true whatever the policy says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_networks import tiny_network

from policy.decision.policies import Oracle, best_known_price
from policy.history import HistoryError, canonical_history
from policy.learning.store.markets import (
    StoreDemand,
    draw_markets,
    long_enough,
    open_markets,
    past_periods,
    store_demand,
)
from policy.learning.store.shocks import STILL, Shocks, fit_shocks
from policy.market import Simulator, TabulatedDemand
from policy.model.panel import Panel, make_panel
from policy.model.posterior import Posterior
from policy.model.reader import HistoryReader
from policy.model.transformer import GRID

_GRID = GRID.double().numpy()


def shop(*, products: int = 6, weeks: int = 40, cost: float | None = 4.0, scale: float = 1.0) -> Panel:
    """Weekly sales at prices of 8 to 12 (times `scale`), elasticity -2; promotions are not recorded."""
    rng = np.random.default_rng(5)
    rows = []
    for sku in range(products):
        for week in range(weeks):
            price = 10.0 * (0.8 + 0.1 * rng.integers(5)) * scale
            rows.append(
                {
                    "sku": f"P{sku}",
                    "date": pd.Timestamp("2025-01-06") + pd.Timedelta(weeks=week),
                    "price": price,
                    "units": float(rng.poisson(30 * (price / 10 / scale) ** -2.0)),
                    "cost": np.nan if cost is None else cost * scale,
                }
            )
    frame, report = canonical_history(pd.DataFrame(rows))
    return make_panel(frame, report.period)


def sure_of(panel: Panel, *, elasticity: float, units: float = 40.0, dispersion: float = 0.05) -> StoreDemand:
    """The demand of someone who knows that every product has one constant elasticity about a usual price of
    10 with 2 curves that are alike."""
    b = len(panel)
    curve = np.log(units) - elasticity * _GRID
    posterior = Posterior(
        weights=np.full((b, 2), 0.5),
        log_units=np.broadcast_to(curve, (b, 2, len(_GRID))),
        dispersion=np.full((b, 2), dispersion),
        log_price=np.full(b, np.log(10.0)),
    )
    return StoreDemand(
        panel=panel,
        rows=np.arange(b),
        posterior=posterior,
        log_units=np.full((b, 28), np.log(units)),
        price_low=np.full(b, 4.0),
        price_high=np.full(b, 25.0),
        shocks=STILL,
    )


def test_a_table_of_a_constant_elasticity_is_that_elasticity_beyond_its_ends_too() -> None:
    grid = np.linspace(-1.0, 1.0, 21)
    demand = TabulatedDemand(log_price=grid, log_units=-1.7 * np.stack([grid, 2 * grid]))
    x = np.broadcast_to(np.linspace(-2.0, 2.0, 37), (2, 37))
    assert demand.log_demand(np.exp(x), np.ones((2, 1))) == pytest.approx(-1.7 * np.array([[1.0], [2.0]]) * x)
    assert demand.take(np.array([1])).log_units == pytest.approx(-3.4 * grid[None])


def test_a_table_that_rises_with_price_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 demand curves rise"):
        TabulatedDemand(log_price=np.array([0.0, 1.0]), log_units=np.array([[0.0, -1.0], [0.0, 0.1]]))
    with pytest.raises(ValueError, match="must increase"):
        TabulatedDemand(log_price=np.array([0.0, 0.0]), log_units=np.zeros((1, 2)))


def test_the_best_price_is_the_textbook_markup() -> None:
    # Constant elasticity -2: twice the cost.
    demand = sure_of(shop(cost=4.0), elasticity=2.0)
    markets = draw_markets(demand, np.random.default_rng(0), horizon=3)
    best = best_known_price(Simulator(markets, np.random.default_rng(0)), candidates=2001)
    assert best == pytest.approx(8.0, rel=2e-3)


def test_without_cost_profit_is_revenue() -> None:
    demand = sure_of(shop(cost=None), elasticity=2.0)
    simulator = Simulator(draw_markets(demand, np.random.default_rng(0), horizon=3), np.random.default_rng(0))
    outcome = simulator.step(np.full(len(demand), 9.0))
    assert outcome.profit == pytest.approx(9.0 * outcome.units)
    assert best_known_price(simulator) == pytest.approx(4.0)  # elastic: the cheaper the more revenue


def test_units_at_the_usual_price_have_the_posteriors_mean() -> None:
    demand = sure_of(shop(products=4), elasticity=1.5)
    two_levels = np.broadcast_to(np.array([0.0, np.log(2.0)])[:, None], (4, 2, len(_GRID)))
    posterior = replace(demand.posterior, log_units=demand.posterior.log_units + two_levels)
    mean = np.log(60.0)  # half 40, half 80
    later = np.concatenate([np.full((4, 14), mean), np.full((4, 14), mean + 0.3)], axis=1)
    demand = replace(demand, posterior=posterior, log_units=later, shocks=Shocks(rho=0.7, sd=0.3))
    rng = np.random.default_rng(1)
    markets = draw_markets(demand, rng, horizon=40, products=np.repeat(np.arange(4), 2000))
    simulator = Simulator(markets, rng)
    units = np.stack([simulator.step(markets.reference_price).units for _ in range(40)], axis=1)
    by_period = units.mean(axis=0)
    assert by_period[:14] == pytest.approx(np.exp(mean), rel=0.03)
    assert by_period[14:] == pytest.approx(np.exp(mean + 0.3), rel=0.03)  # the last foreseen level holds


def test_the_oracle_has_no_regret_and_no_other_price_does_better() -> None:
    demand = sure_of(shop(), elasticity=2.5)
    markets = draw_markets(demand, np.random.default_rng(0), horizon=2)
    simulator = open_markets(demand, markets, np.random.default_rng(0))
    best = simulator.expected_profit(best_known_price(simulator)[:, None])[:, 0]
    grid = np.broadcast_to(np.linspace(4.0, 25.0, 101), (len(demand), 101))
    assert (simulator.expected_profit(grid) <= best[:, None] * (1 + 1e-3)).all()
    assert simulator.step(Oracle(simulator).act(simulator.observation())).expected_profit == pytest.approx(
        best
    )


def test_markets_of_a_store_are_priced_within_its_known_prices_and_go_on_from_today() -> None:
    panel = shop()
    demand = store_demand(tiny_network(), panel)
    markets = draw_markets(demand, np.random.default_rng(0), horizon=30)
    assert list(demand.rows) == list(range(6))
    assert markets.price_low == pytest.approx(panel.history.price.min(axis=1) * 0.9)
    assert markets.price_high == pytest.approx(panel.history.price.max(axis=1) * 1.1)
    assert markets.days()[:, 0] == pytest.approx(panel.history.day[:, -1] + 7)
    assert (np.diff(markets.demand.log_units, axis=1) <= 1e-9).all()
    observation = open_markets(demand, markets, np.random.default_rng(0)).observation()
    assert observation.last_price == pytest.approx(panel.history.price[:, -1])
    assert np.isnan(observation.promo).all()  # the store records none


def test_currency_changes_prices_and_nothing_else() -> None:
    network = tiny_network()
    ours, theirs = (
        draw_markets(store_demand(network, shop(scale=scale)), np.random.default_rng(2), horizon=5)
        for scale in (1.0, 7.3)
    )
    assert theirs.reference_price == pytest.approx(7.3 * ours.reference_price, rel=1e-4)
    assert theirs.unit_cost == pytest.approx(7.3 * ours.unit_cost)
    assert theirs.log_level == pytest.approx(ours.log_level, abs=1e-3)
    assert theirs.demand.log_units == pytest.approx(ours.demand.log_units, abs=1e-3)


def test_scaling_units_scales_the_level_alone() -> None:
    demand = sure_of(shop(), elasticity=2.0, units=40.0)
    tenfold = sure_of(shop(), elasticity=2.0, units=400.0)
    one, ten = (draw_markets(d, np.random.default_rng(3), horizon=4) for d in (demand, tenfold))
    assert ten.log_level - one.log_level == pytest.approx(np.log(10.0))
    assert ten.demand.log_units == pytest.approx(one.demand.log_units)


def test_the_same_seed_draws_the_same_markets() -> None:
    demand = store_demand(tiny_network(), shop())
    first, again, other = (draw_markets(demand, np.random.default_rng(s), horizon=8) for s in (4, 4, 5))
    assert (first.log_level == again.log_level).all()
    assert (first.demand.log_units == again.demand.log_units).all()
    assert not (first.log_level == other.log_level).all()


def test_products_that_nobody_would_price_are_left_out() -> None:
    panel = shop()
    price = panel.history.price.copy()
    price[2] = 10.0
    demand = store_demand(tiny_network(), replace(panel, history=replace(panel.history, price=price)))
    assert list(demand.rows) == [0, 1, 3, 4, 5]
    constant = replace(panel, history=replace(panel.history, price=np.full_like(price, 10.0)))
    with pytest.raises(HistoryError, match="None of 6 products can be priced \\(price_never_varied: 6\\)"):
        store_demand(tiny_network(), constant)


def test_a_reader_fed_with_the_real_past_reads_what_the_pipeline_reads() -> None:
    network, panel = tiny_network(), shop(products=4, weeks=30)
    demand = store_demand(network, panel, shocks=STILL)
    markets = draw_markets(demand, np.random.default_rng(0), horizon=2)
    simulator = open_markets(demand, markets, np.random.default_rng(0))
    reader = HistoryReader(network, panel.first_price)
    for observation, outcome in past_periods(panel, 30):
        reader.observe(observation, outcome)
    read = reader.read(simulator.observation()).posterior
    assert read.log_units == pytest.approx(demand.posterior.log_units, abs=1e-4)
    assert read.log_price == pytest.approx(demand.posterior.log_price)


def test_too_short_a_past_is_said() -> None:
    panel = shop(weeks=20)
    assert not long_enough(panel, 21).any()
    with pytest.raises(ValueError, match="6 of 6 products have fewer than 21 periods"):
        past_periods(panel, 21)


@pytest.mark.parametrize(("rho", "sd"), [(0.5, 0.3), (0.9, 0.4)])
def test_shocks_are_found_from_forecast_errors(rho: float, sd: float) -> None:
    rng = np.random.default_rng(6)
    n, horizon, mean, dispersion, level_sd = 6000, 8, 20.0, 0.1, 0.2
    shock = Shocks(rho=rho, sd=sd).draw(rng, n, horizon)
    level = rng.normal(-(level_sd**2) / 2, level_sd, (n, 1))
    rate = mean * np.exp(shock + level) * rng.gamma(1 / dispersion, dispersion, (n, horizon))
    errors = rng.poisson(rate) / mean - 1
    found = fit_shocks(errors, np.ones_like(errors), shared=np.full(n, np.expm1(level_sd**2)))
    assert found.sd == pytest.approx(sd, rel=0.2)
    assert found.rho == pytest.approx(rho, abs=0.1)


def test_count_noise_alone_is_no_shock() -> None:
    rng = np.random.default_rng(7)
    errors = rng.poisson(20.0 * rng.gamma(5.0, 0.2, (4000, 8))) / 20.0 - 1
    assert fit_shocks(errors, np.ones_like(errors), shared=np.zeros(4000)).sd < 0.06


def test_shocks_leave_means_as_they_are_and_begin_at_nothing() -> None:
    paths = Shocks(rho=0.8, sd=0.4).draw(np.random.default_rng(8), 40_000, 12)
    assert np.exp(paths).mean(axis=0) == pytest.approx(1.0, abs=0.01)
    assert (paths[:, 0] == 0).all()
