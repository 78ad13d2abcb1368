"""The prior: what buyers remember, what changes for good, and whether its logs look like real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_market import QUIET

from policy.evaluation.prior_predictive import prior_predictive, summarise
from policy.market import LoggingPolicies, Prior, Simulator, Trajectory, simulate_log
from policy.market.paths import holidays, nearest_turn, regimes, seasons


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def trajectory(price: np.ndarray, units: np.ndarray) -> Trajectory:
    unknown = np.full(price.shape, np.nan)
    paths = dict.fromkeys(("cost", "competitor_price", "promo", "stock", "views"), unknown)
    day = np.broadcast_to(7 * np.arange(price.shape[1]), price.shape)
    return Trajectory(price=price, units=units, day=day, period=np.ones(len(price), dtype=int), **paths)


def sold_after(markets_prior: Prior, rng: np.random.Generator, path: list[float]) -> np.ndarray:
    """Log of mean units at the reference price after charging `path` (over the reference price)."""
    markets = markets_prior.sample(rng, 400, len(path) + 1)
    simulator = Simulator(markets, rng)
    for factor in path:
        simulator.step(markets.reference_price * factor)
    return simulator.log_mean_units(markets.reference_price[:, None])[:, 0] - markets.log_level[:, -1]


def test_buyers_who_remember_buy_less_after_a_low_price_and_forget_in_time(rng: np.random.Generator) -> None:
    remembering = replace(QUIET, memory_chance=1.0)
    usual = sold_after(remembering, np.random.default_rng(1), [1.0, 1.0])
    after_a_cut = sold_after(remembering, np.random.default_rng(1), [1.0, 0.7])
    long_after = sold_after(remembering, np.random.default_rng(1), [0.7] + [1.0] * 200)
    assert (after_a_cut < usual - 1e-3).all()
    assert long_after == pytest.approx(usual, abs=0.01)


def test_buyers_who_do_not_remember_do_not_care_what_was_charged(rng: np.random.Generator) -> None:
    assert sold_after(QUIET, np.random.default_rng(1), [0.6, 1.5]) == pytest.approx(
        sold_after(QUIET, np.random.default_rng(1), [1.0, 1.0]), abs=1e-9
    )


def test_a_regime_changes_once_and_for_good(rng: np.random.Generator) -> None:
    paths = regimes(rng, 500, 60, chance=0.5, sd=0.4)
    changes = (np.diff(paths, axis=1) != 0).sum(axis=1)
    assert set(changes) == {0, 1}
    assert changes.mean() == pytest.approx(0.5, abs=0.07)


def test_holidays_come_back_every_year(rng: np.random.Generator) -> None:
    phase = np.broadcast_to(40 + np.arange(3 * 365) / 365.25, (300, 3 * 365))
    effect = holidays(rng, phase, chance=1.0)
    first, second = (np.abs(effect[:, y * 365 : (y + 1) * 365]).max(axis=1) for y in (0, 1))
    assert np.corrcoef(first, second)[0, 1] > 0.9  # dates may move, sizes do not


def test_summary_statistics_of_a_series_worked_by_hand() -> None:
    # Price 2, 1, 2, 1, ...; units 4, 16, 4, 16, ...: every price moves by log 2, the slope is
    # log(4.5 / 16.5) / log 2 and neighbours are perfectly opposed.
    price = np.tile([2.0, 1.0], 20)[None]
    units = np.tile([4.0, 16.0], 20)[None]
    found = {name: float(values[0]) for name, values in summarise(trajectory(price, units)).items()}
    assert found["share of price moves"] == 1.0
    assert found["depth of moves"] == pytest.approx(np.log(2))
    assert found["log-log slope"] == pytest.approx(np.log(4.5 / 16.5) / np.log(2))
    assert found["autocorrelation"] == pytest.approx(-39 / 40)
    assert found["units a period"] == 10.0
    assert found["share of zeros"] == 0.0


def test_a_shop_from_the_prior_lies_inside_the_prior(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    markets = replace(Prior(), period_chances=(0.0, 1.0, 0.0)).sample(rng, 40, 60)
    history, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng), 60)
    weeks = np.array("2024-01-01", dtype="datetime64[D]") + 7 * np.arange(60)
    rows = [
        f"P{i},{weeks[t]},{history.price[i, t]:.4f},{history.units[i, t]:.0f}"
        for i in range(40)
        for t in range(60)
    ]
    (tmp_path / "tidy.csv").write_text("\n".join(["sku,date,price,units", *rows]))
    lines = prior_predictive([tmp_path / "tidy.csv"], series=40, periods=60, commit="abc")
    assert {line["source"] for line in lines} == {"prior", "tidy.csv"}
    assert all(float(line["inside_98"]) > 0.85 for line in lines if line["source"] == "tidy.csv")


def test_what_is_yearly_knows_no_turn_of_the_year(rng: np.random.Generator) -> None:
    # Daily steps across three New Years: effects change there as on any other day.
    phase = 40.2 + np.arange(3 * 365)[None, :] / 365.25 + np.zeros((4000, 1))
    new_year = np.floor(phase[0, 1:]) != np.floor(phase[0, :-1])
    assert new_year.sum() == 3
    peaks = seasons(rng, phase, harmonic_sd=(0.0, 0.0), peak_chance=1.0)
    assert np.abs(np.diff(peaks, axis=1)).max() < 0.2  # at most 0.9 high, at least a week wide
    events = np.abs(np.diff(holidays(rng, phase, chance=1.0), axis=1)).mean(axis=0)
    assert events[new_year].mean() < 2 * events.mean()
    assert nearest_turn(np.array([0.98, 1.02, 0.5])) == pytest.approx([-0.02, 0.02, -0.5])
