"""Ways to adapt to a store: truth scores best, fits leave the base alone, a refit pays on its own ground."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import tiny_network

from policy.evaluation.adaptation import bayes
from policy.evaluation.adaptation.bayes import bayes_posteriors, population_of
from policy.evaluation.adaptation.compare import ALL, BAYES, FROZEN, KNOWN, Setting, adaptation_rows
from policy.evaluation.adaptation.networks import (
    METHODS,
    OURS,
    FullFit,
    LoraFit,
    RandomFit,
    fit_to_store,
    network_posterior,
    sales_of_store,
)
from policy.evaluation.adaptation.stores import KINDS, Store, measure, open_store, store_prior
from policy.evaluation.tables import adaptation_table, write_rows
from policy.learning.store.fit import FitSettings, Rehearsal
from policy.market import Prior

ELASTIC, NOISY, PROMOTIONS = KINDS
SHORT = FitSettings(steps=2, look_every=1, batch_size=4)


def small_store(seed: int = 1, *, products: int = 8) -> Store:
    return open_store(PROMOTIONS, seed=seed, products=products, periods=40, ahead=6)


@pytest.fixture(scope="module")
def rehearsal() -> Rehearsal:
    return Rehearsal(seed=1)


def test_who_knows_the_markets_captures_all_and_errs_nowhere() -> None:
    store = small_store(products=40)
    known = measure(store, store.known)
    assert known.captured == pytest.approx(1.0, abs=0.02)
    # The curves are tabulated, so that one that bends sharply is off a little.
    assert np.median(known.units_error) < 0.01 and np.nanmedian(known.elasticity_error) < 0.01
    other = measure(store, network_posterior(tiny_network(), store, 40))
    assert known.wql.mean() < other.wql.mean()
    assert (other.captured <= 1 + 1e-9).all()


def test_quantile_loss_by_hand() -> None:
    # What never sells and is foretold to sell nothing loses nothing.
    store = small_store()
    nothing = replace(store, sold=np.zeros_like(store.sold))
    silent = replace(store.known, log_units=np.full_like(store.known.log_units, -14.0))
    assert measure(nothing, silent).wql == pytest.approx(0.0)
    # Two units sold in one of six periods where none was foretold: 2 x level x 2 units, 2 over the levels.
    two = nothing.sold.copy()
    two[:, 0] = 2.0
    usual = store.history.units.mean(axis=1) + 0.5
    assert measure(replace(nothing, sold=two), silent).wql == pytest.approx(2.0 / 6 / usual)


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_lies_off_the_training_prior_and_is_narrow(kind: object) -> None:
    seen, prior = Prior(), store_prior(kind, np.random.default_rng(0))  # type: ignore[arg-type]
    assert prior.log_elasticity[1] < 0.3 * seen.log_elasticity[1]
    assert abs(prior.log_elasticity[0] - seen.log_elasticity[0]) > 0.1
    assert np.ptp(np.log(prior.dispersion)) < 0.1 * np.ptp(np.log(seen.dispersion))
    assert seen.dispersion[0] <= prior.dispersion[0] and prior.dispersion[1] <= seen.dispersion[1] * 1.3


def test_more_history_is_more_of_the_same_and_is_judged_alike() -> None:
    store = small_store()
    assert (store.recent(16).price == store.recent(32).price[:, 16:]).all()
    table = store.table(16)
    assert len(table) == 8 * 16 and table.groupby("sku")["date"].is_monotonic_increasing.all()
    again = small_store()
    assert (again.sold == store.sold).all() and (again.elasticity == store.elasticity).all()


def test_the_coming_periods_say_nothing_of_sales() -> None:
    store = small_store()
    assert np.isnan(store.coming.units).all()
    assert (store.coming.cost == store.history.cost[:, -1:]).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_fitting_leaves_the_base_alone(method: object, rehearsal: Rehearsal) -> None:
    base, store = tiny_network(), small_store()
    before = {name: value.clone() for name, value in base.state_dict().items()}
    told = network_posterior(base, store, 32)
    fitted = fit_to_store(
        method,  # type: ignore[arg-type]
        base,
        sales_of_store(store, 32),
        rehearsal,
        SHORT,
        seed=3,
    )
    assert all((value == before[name]).all() for name, value in base.state_dict().items())
    assert (network_posterior(base, store, 32).log_units == told.log_units).all()
    if fitted.chosen != "base":
        assert (network_posterior(fitted.network, store, 32).log_units != told.log_units).any()


def test_what_each_fit_trains(rehearsal: Rehearsal) -> None:
    base, store = tiny_network(), small_store()
    windows = _windows(store)
    candidate = METHODS[0].candidates[0]
    lora, full, random = (
        make(base, windows, rehearsal, candidate, SHORT, seed=3) for make in (LoraFit, FullFit, RandomFit)
    )
    own = dict(base.named_parameters())
    assert all("lora_" in name for name in lora.learned())
    assert set(full.learned()) == set(own)
    assert {name.split(".")[0] for name in random.learned() if "lora_" not in name} == {
        "encoder_in",
        "encoder_out",
        "demand_head",
        "price_head",
    }
    full.train(2)
    moved = full.learned()
    used = [name for name in own if "embed_tokens" not in name]
    assert all((moved[name] != own[name]).any() for name in used)
    assert all((value == own[name]).all() for name, value in full.part(moved, 0.0).items())
    assert all(torch.equal(value, moved[name]) for name, value in full.part(moved, 1.0).items())


def _windows(store: Store) -> object:
    from policy.learning.store.windows import StoreWindows
    from policy.model.panel import make_panel

    return StoreWindows(make_panel(store.table(32), "week"), context=64)


@pytest.mark.parametrize(("units", "mean", "sd", "dispersion"), [(0, 1.0, 0.5, 0.3), (7, 1.5, 0.8, 0.05)])
def test_the_laplace_step_agrees_with_a_dense_grid(
    units: int, mean: float, sd: float, dispersion: float
) -> None:
    from scipy.stats import nbinom, norm

    grid = np.linspace(mean - 8 * sd, mean + 8 * sd, 20_001)
    chance = nbinom.pmf(units, 1 / dispersion, 1 / (1 + dispersion * np.exp(grid)))
    joint = chance * norm.pdf(grid, mean, sd) * (grid[1] - grid[0])
    exact = (joint * grid).sum() / joint.sum()
    one = np.ones((1, 1))
    found, information, log_chance = bayes._laplace(units * one, mean * one, sd**2 * one, dispersion * one)
    assert log_chance[0, 0] == pytest.approx(np.log(joint.sum()), abs=0.05)
    spread = 1 / np.sqrt(information + 1 / sd**2)
    assert abs(found[0, 0] - exact) < 0.25 * spread[0, 0]


def own_ground(seed: int, *, products: int, periods: int) -> Store:
    """A store of which the particles' assumptions are all true."""
    from policy.evaluation.adaptation import stores

    def still(kind: object, rng: np.random.Generator) -> Prior:
        return replace(
            store_prior(kind, rng),  # type: ignore[arg-type]
            families=("constant_elasticity",),
            log_elasticity=(1.7, 0.1),
            regime_chance=0.0,
            memory_chance=0.0,
            holiday_chance=0.0,
            peak_chance=0.0,
            competitor_chance=0.0,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "store_prior", still)
        return open_store(ELASTIC, seed=seed, products=products, periods=periods, ahead=4)


def test_a_refitted_prior_beats_the_training_prior_on_its_own_ground() -> None:
    store = own_ground(5, products=40, periods=12)
    found = bayes_posteriors(store, 12, seed=1, particles=384)
    as_trained, refitted = measure(store, found.as_trained), measure(store, found.refitted)
    assert np.nanmean(refitted.elasticity_error) < 0.8 * np.nanmean(as_trained.elasticity_error)
    assert refitted.captured.mean() > as_trained.captured.mean()
    start = population_of(Prior())
    assert abs(found.population.log_elasticity[0] - 1.7) < 0.3 * abs(start.log_elasticity[0] - 1.7)
    assert found.population.log_elasticity[1] < start.log_elasticity[1]


def test_bayes_learns_from_more_history() -> None:
    store = own_ground(6, products=20, periods=60)
    few, many = (
        measure(store, bayes_posteriors(store, periods, seed=1, particles=384).as_trained)
        for periods in (8, 60)
    )
    assert np.nanmean(many.elasticity_error) < np.nanmean(few.elasticity_error)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    setting = Setting(
        kinds=KINDS[:2], products=6, histories=(16, 24), ahead=4, fit=SHORT, particles=64, seed=9
    )
    return adaptation_rows(tiny_network(), setting, model_hash="abc", commit="def")


def test_rows_compare_every_method_with_the_frozen_base(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 3 * 2 * 7
    pooled = [row for row in rows if row["store"] == ALL]
    assert {row["products"] for row in pooled} == {"12"}
    assert {(row["seed"], row["model_hash"], row["commit"]) for row in rows} == {("9", "abc", "def")}
    for row in rows:
        if row["method"] == FROZEN:
            assert (float(row["wql_gain"]), float(row["captured_gain"])) == (0.0, 0.0)
    one, other, both = (
        next(float(r["wql"]) for r in rows if (r["store"], r["method"], r["history"]) == (s, BAYES, "16"))
        for s in (KINDS[0].name, KINDS[1].name, ALL)
    )
    assert both == pytest.approx((one + other) / 2, abs=1e-4)


def test_the_oracle_does_not_depend_on_what_is_shown(rows: list[dict[str, str]]) -> None:
    known = [r for r in rows if r["method"] == KNOWN and r["store"] == ALL]
    assert known[0]["wql"] == known[1]["wql"] and float(known[0]["captured"]) > 0.98


def test_its_table_and_figure_show_all_stores(rows: list[dict[str, str]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from policy.evaluation.figures import adaptation_figure, draw_figures

    lines = adaptation_table(rows).splitlines()
    assert lines[0] == "| measure | method | 16 periods | 24 periods |"
    assert len(lines) == 2 + 4 * 7
    pooled = next(r for r in rows if r["store"] == ALL and r["method"] == OURS)
    assert f"{float(pooled['wql']):.3f} ± {float(pooled['wql_standard_error']):.3f}" in lines[3]
    panels = adaptation_figure(rows).axes
    names = [line.get_label() for line in panels[0].lines]
    assert len(panels) == 4 and OURS in names and FROZEN in names and KNOWN not in names
    write_rows(tmp_path / "adaptation.csv", rows)
    drawn = draw_figures(tmp_path, "adaptation", tmp_path)
    assert [path.name for path in drawn] == ["adaptation.png", "adaptation.svg"]
