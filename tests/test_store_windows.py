"""What an adapter is trained on: nothing masked is seen, nothing unknown is scored, the score is proper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from stores import sales

from policy.history import canonical_history
from policy.learning.store.likelihood import crps
from policy.learning.store.windows import Emphasis, StoreWindows, masked_stretches
from policy.model.panel import Panel, make_panel


def panel_of(frame: pd.DataFrame) -> Panel:
    table, report = canonical_history(frame)
    return make_panel(table, report.period)


def windows(panel: Panel, **emphasis: float) -> StoreWindows:
    return StoreWindows(panel, context=112, emphasis=Emphasis(**emphasis))


def test_a_batch_is_what_the_seed_says() -> None:
    store = windows(panel_of(sales()))
    one, same = (store.draw(np.random.default_rng(3), 6) for _ in range(2))
    assert torch.equal(one.features, same.features) and torch.equal(one.units, same.units)


def test_masked_sales_do_not_reach_the_tokens() -> None:
    panel = panel_of(sales(products=1))
    seen = windows(panel).draw(np.random.default_rng(8), 1)
    history = panel.history
    # Twice the sales in one period: tokens change after it where it was shown, nowhere where it was masked.
    for period in range(5, 45, 5):
        units = history.units.copy()
        units[0, period] *= 2
        other = windows(replace(panel, history=replace(history, units=units))).draw(
            np.random.default_rng(8), 1
        )
        changed = (seen.features != other.features).any(dim=2)[0].numpy()
        assert not changed[: period + 1].any(), "a token knew of sales to come"
        shown = bool(seen.features[0, period + 1, 0]) if period + 1 < seen.features.shape[1] else False
        assert changed[period + 1 :].any() == shown


def test_young_products_beside_an_old_one_are_read_within_their_lives() -> None:
    # One product of 500 days and many of 90: windows that end before a launch would hold nothing to learn.
    frame = sales(products=1, weeks=500)
    young = sales(products=12, weeks=90, seed=6).assign(sku=lambda table: "Y" + table["sku"])
    young["date"] += pd.to_timedelta(7 * 410, unit="D")
    store = windows(panel_of(pd.concat([frame, young], ignore_index=True)))
    rng = np.random.default_rng(1)
    for _ in range(20):
        assert (store.draw(rng, 16).weight.sum(dim=1) > 0).all()


def test_the_currency_does_not_matter() -> None:
    frame = sales()
    dollars = windows(panel_of(frame)).draw(np.random.default_rng(4), 8)
    cents = windows(panel_of(frame.assign(price=frame["price"] * 100, cost=frame["cost"] * 100))).draw(
        np.random.default_rng(4), 8
    )
    assert torch.allclose(dollars.features, cents.features, atol=1e-4)
    assert torch.allclose(dollars.log_multiplier, cents.log_multiplier, atol=1e-5)


def test_sold_out_periods_are_not_scored() -> None:
    frame = sales(products=3)
    frame["stock"] = np.where(frame["date"] < "2024-03-01", frame["units"], frame["units"] + 50)
    batch = windows(panel_of(frame)).draw(np.random.default_rng(4), 8)
    scored = (batch.weight > 0).sum(dim=1)
    assert (scored <= 48 - 9).all() and (scored > 0).all()


def test_large_sellers_are_drawn_more_often() -> None:
    frame = sales(products=2)
    frame.loc[frame["sku"] == "P01", "units"] *= 100
    alike, by_volume = (
        windows(panel_of(frame), volume=power).draw(np.random.default_rng(5), 400).usual_units > 1000
        for power in (0.0, 1.0)
    )
    assert alike.float().mean() == pytest.approx(0.5, abs=0.08)
    assert by_volume.float().mean() > 0.95


def test_most_histories_have_masked_stretches_and_few_periods_are_masked() -> None:
    masked = masked_stretches(np.random.default_rng(1), 2000, 104)
    assert masked.any(axis=1).mean() == pytest.approx(0.9, abs=0.02)
    assert 0.15 < masked.mean() < 0.35


@pytest.mark.parametrize(("mean", "dispersion"), [(0.5, 0.3), (20.0, 0.05), (3000.0, 0.2)])
def test_crps_is_that_of_the_negative_binomial(mean: float, dispersion: float) -> None:
    # By its other form, E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007).
    rng = np.random.default_rng(2)
    draws = rng.poisson(rng.gamma(1 / dispersion, mean * dispersion, (2, 200_000)))
    for sold in (0.0, mean, 2 * mean):
        known = np.abs(draws[0] - sold).mean() - 0.5 * np.abs(draws[0] - draws[1]).mean()
        ours = crps(
            torch.tensor([sold]),
            torch.ones(1, 1),
            torch.tensor([[np.log(mean)]], dtype=torch.float32),
            torch.tensor([[dispersion]], dtype=torch.float32),
        )
        # Few counts are far from log-normal, so there only the size is right.
        assert float(ours) == pytest.approx(known, rel=0.1, abs=0.15)


def test_crps_is_least_for_the_truth() -> None:
    rng = np.random.default_rng(2)
    sold = torch.tensor(
        rng.poisson(rng.gamma(5.0, 8.0, 20_000)), dtype=torch.float32
    )  # mean 40, dispersion .2

    def score(mean: float, dispersion: float) -> float:
        shape = (len(sold), 1)
        return float(
            crps(
                sold, torch.ones(shape), torch.full(shape, np.log(mean)), torch.full(shape, dispersion)
            ).mean()
        )

    truth = score(40.0, 0.2)
    assert truth < min(score(50.0, 0.2), score(32.0, 0.2), score(40.0, 0.02), score(40.0, 1.0))
