"""The priced-forecast protocol: windows, scores and baselines worked out by hand, and no look ahead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assistant import cli
from policy import PricingPipeline
from policy.evaluation.forecast import forecast_rows, pipeline_forecaster
from policy.evaluation.tables import RESULTS, markdown_table, read_rows
from policy.forecast import baselines as forecast_baselines
from policy.forecast.baselines import LIGHTGBM, baselines
from policy.forecast.score import paired_gap, score, series_sums
from policy.forecast.windows import LEVELS, Protocol, Sales, read_sales, tables
from policy.history import HistoryError

PUBLISHED = {
    "tech_gadgets": (0.800, 0.475, 0.361, 0.459),
    "tuna_dominicks": (0.821, 0.443, 0.382, 0.359),
    "oj_dominicks": (0.892, 0.483, 0.435, 0.449),
    "cheese_borden": (0.336, 0.195, 0.166, 0.167),
    "detergent_dominicks": (0.998, 0.571, 0.553, 0.544),
    "avocado_hass": (0.144, 0.136, 0.510, 0.050),
}
"""WQL of seasonal naive, last-8 mean, GLM and LightGBM, as the protocol's authors measured them."""


def write_set(folder: Path, lengths: dict[str, int], units: object = None, price: object = None) -> Path:
    """A set of weekly series; units and price are functions of a series' period numbers."""
    frames = []
    for sku, n in lengths.items():
        t = np.arange(n)
        frames.append(
            pd.DataFrame(
                {
                    "store": "S",
                    "sku": sku,
                    "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * t, unit="D"),
                    "price": price(t) if callable(price) else 2.0 + 0.2 * (t % 5),
                    "units": units(t) if callable(units) else 20 + (t * 7 + len(sku)) % 11,
                    "cost": 1.0,
                }
            )
        )
    folder.mkdir(exist_ok=True)
    pd.concat(frames).to_csv(folder / "tidy.csv.gz", index=False)
    return folder


def test_the_last_quarter_is_forecast_four_periods_at_a_time(tmp_path: Path) -> None:
    # 42 observations: tested from the 32nd on; origins 31 and 35 fit, 39 would reach beyond the end.
    sales = read_sales(write_set(tmp_path / "set", {"a": 42, "short": 29}), Protocol())
    assert sales.name == "set"
    assert sales.origin.tolist() == [31, 35]
    assert sales.ahead[1].tolist() == [35, 36, 37, 38]


def test_series_are_sampled_by_the_seed_alone(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {f"p{i}": 32 for i in range(12)})
    first, again = (read_sales(folder, Protocol(series=5)).table["sku"].unique() for _ in range(2))
    other = read_sales(folder, Protocol(series=5, seed=8)).table["sku"].unique()
    assert len(first) == 5
    assert (first == again).all()
    assert set(first) != set(other)


def test_a_move_is_a_change_of_five_per_cent_from_the_last_known_price(tmp_path: Path) -> None:
    def price(t: np.ndarray) -> np.ndarray:
        return np.where(t < 31, 1.0, np.choose((t - 31) % 4, [1.04, 1.06, 0.96, 0.94]))

    sales = read_sales(write_set(tmp_path / "set", {"a": 42}, price=price), Protocol())
    assert sales.moves[0].tolist() == [False, True, False, True]


def quantiles_equal_to(sales: Sales, factor: float) -> np.ndarray:
    units = sales.path("units")[sales.ahead][:, :, None]
    return factor * np.repeat(units, len(LEVELS), axis=2)


@pytest.mark.parametrize(
    ("factor", "wql", "cover"),
    [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (2.0, 1.0, 0.0), (1.5, 0.5, 0.0)],
)
def test_wql_by_hand(tmp_path: Path, factor: float, wql: float, cover: float) -> None:
    # Levels average 1/2, so a point forecast off by a share of sales costs just that share.
    sales = read_sales(write_set(tmp_path / "set", {"a": 42, "bb": 60}), Protocol())
    found = score(sales, quantiles_equal_to(sales, factor))
    assert found.wql == pytest.approx(wql)
    assert found.wql_moves == pytest.approx(wql)
    assert found.cover80 == cover
    # The same share in every series: sampling others would change nothing.
    assert found.wql_error == pytest.approx(0.0, abs=1e-12)


def test_each_series_says_what_it_adds_to_the_score(tmp_path: Path) -> None:
    # The first series' forecasts are exact; the second's say nothing sells, which costs all its sales.
    sales = read_sales(write_set(tmp_path / "set", {"a": 42, "bb": 60}), Protocol())
    exact = quantiles_equal_to(sales, 1.0) * (sales.series == 0)[:, None, None]
    sums = series_sums(sales, exact)
    assert sums.rows.tolist() == [8, 12]
    assert sums.loss == pytest.approx([0.0, sums.units[1]])
    assert sums.loss_moves == pytest.approx([0.0, sums.units_moves[1]])
    assert sums.inside.tolist() == [8, 0]
    assert sums.score() == score(sales, exact)


def test_without_moves_there_is_no_score_of_moves(tmp_path: Path) -> None:
    sales = read_sales(write_set(tmp_path / "set", {"a": 42}, price=lambda t: 1.0 + 0 * t), Protocol())
    found = score(sales, quantiles_equal_to(sales, 0.0))
    assert found.moves == 0
    assert np.isnan(found.wql_moves)
    assert np.isnan(found.wql_error)  # one series says nothing about others


def test_an_advantage_that_every_series_shows_is_certain_however_uncertain_the_scores(
    tmp_path: Path,
) -> None:
    # Sales of 10 and 30; both forecasters miss the first by far, one by 10 % of sales less everywhere.
    units = {"a": 10.0, "b": 30.0}
    folder = write_set(tmp_path / "set", dict.fromkeys(units, 40))
    table = pd.read_csv(folder / "tidy.csv.gz")
    table["units"] = table["sku"].map(units)
    table.to_csv(folder / "tidy.csv.gz", index=False)
    sales = read_sales(folder, Protocol())
    sold = sales.path("units")[sales.ahead][:, :, None]
    miss = np.where(sold == 10.0, 5.0, 0.0)
    one, other = (
        series_sums(sales, sold + miss + share * sold + 0 * np.array(LEVELS)) for share in (0.1, 0.2)
    )
    mean, error = paired_gap(one, other)
    # Above all levels alike, the loss is twice the mean of 1 - level, here 1, times the distance.
    assert mean == pytest.approx(-0.1)
    assert error == pytest.approx(0.0, abs=1e-12)
    assert one.score().wql_error > 0.05
    assert paired_gap(other, one)[0] == pytest.approx(0.1)


@pytest.mark.parametrize("name", [n for n in baselines() if n != LIGHTGBM])
def test_what_never_changes_is_forecast_exactly(tmp_path: Path, name: str) -> None:
    folder = write_set(tmp_path / "set", {"a": 80}, units=lambda t: 30 + 0 * t, price=lambda t: 2.0 + 0 * t)
    assert baselines()[name](read_sales(folder, Protocol())) == pytest.approx(30.0)


@pytest.mark.parametrize("name", ["last-8 mean, elasticity -2", "per-series ridge GLM"])
def test_an_elasticity_of_minus_two_is_what_they_expect(tmp_path: Path, name: str) -> None:
    # log(units + 1/2) = log(1e6) - 2 log(price) exactly: the ridge pulls towards the truth.
    price = 1.0 + 0.1 * (np.arange(100) % 7)
    folder = write_set(
        tmp_path / "set", {"a": 100}, units=lambda t: 1e6 * price[t] ** -2 - 0.5, price=lambda t: price[t]
    )
    sales = read_sales(folder, Protocol())
    truth = sales.path("units")[sales.ahead]
    ratio = (baselines()[name](sales) + 0.5) / (truth + 0.5)[:, :, None]
    assert np.ptp(ratio, axis=1) == pytest.approx(0.0, abs=1e-4)
    if "GLM" in name:  # the other one's spread holds price response, which this series has in plenty
        assert ratio == pytest.approx(1.0, abs=1e-4)


def test_seasonal_naive_repeats_last_year(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {"a": 156}, units=lambda t: 100 + t % 52)
    sales = read_sales(folder, Protocol())
    found = baselines()["seasonal naive"](sales)
    truth = sales.path("units")[sales.ahead] + 0.5
    # The centre is last year's; the spread about it is the same for every period ahead.
    spread = (found + 0.5) / truth[:, :, None]
    assert np.ptp(spread, axis=1) == pytest.approx(0.0, abs=1e-9)
    assert np.median(spread) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("name", list(baselines()))
def test_no_baseline_looks_ahead(tmp_path: Path, name: str) -> None:
    sales = read_sales(write_set(tmp_path / "set", {"a": 60, "bb": 70, "ccc": 64}), Protocol())
    before = baselines()[name](sales)
    # Units from each series' first origin on are what the first windows must not know.
    position = np.arange(len(sales.table))
    unseen = np.zeros(len(position), dtype=bool)
    for first, stop in zip(sales.first_tested, sales.series_stop, strict=True):
        unseen |= (position >= first) & (position < stop)
    changed = sales.table.assign(units=sales.table["units"].mask(unseen, 9_999.0))
    after = baselines()[name](replace(sales, table=changed))
    firsts = sales.origin == sales.first_tested[sales.series]
    assert after[firsts] == pytest.approx(before[firsts])


def test_a_caller_sees_price_and_promo_ahead_and_nothing_else(tmp_path: Path) -> None:
    sales = read_sales(write_set(tmp_path / "set", {"a": 42}), Protocol())
    history, future = tables(sales, np.array([1]))
    assert list(future) == ["store", "sku", "date", "price", "promo"]
    assert len(history) == 35
    assert history["date"].max() < future["date"].min()
    assert set(history["sku"]) == set(future["sku"]) == {"a@35"}


def test_one_call_for_many_windows_gives_the_numbers_of_a_call_each(tmp_path: Path) -> None:
    sales = read_sales(write_set(tmp_path / "set", {"a": 42, "bb": 60, "ccc": 34}), Protocol())
    pipeline = PricingPipeline.from_pretrained()
    together = pipeline_forecaster(pipeline)(sales)
    for w in range(len(sales)):
        history = sales.table.iloc[sales.start[w] : sales.origin[w]]
        future = sales.table.iloc[sales.ahead[w]][["store", "sku", "date", "price", "promo"]]
        alone = pipeline.predict_demand(history, future, quantile_levels=LEVELS)
        assert together[w] == pytest.approx(alone[[f"{q:g}" for q in LEVELS]].to_numpy(), rel=1e-4)


def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_sales(tmp_path / "nothing", Protocol())
    with pytest.raises(HistoryError, match="None of 1 products in short"):
        read_sales(write_set(tmp_path / "short", {"a": 29}), Protocol())
    pd.DataFrame({"sku": ["a"], "date": ["2024-01-01"], "units": [1]}).to_csv(tmp_path / "x.csv")
    with pytest.raises(HistoryError, match="no column store, price"):
        read_sales(tmp_path / "x.csv", Protocol())


def test_rows_carry_what_reproduces_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {"a": 42})
    (row,) = forecast_rows(
        [folder],
        {"nothing sells": lambda sales: quantiles_equal_to(sales, 0.0)},
        Protocol(),
        model_hash="abc",
        commit="def",
    )
    assert (row["set"], row["wql"], row["rows"]) == ("set", "1.0000", "8")
    assert (row["seed"], row["model_hash"], row["commit"]) == ("7", "abc", "def")


def test_the_command_names_the_baseline_it_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forecast_baselines, "find_spec", lambda name: None)
    folder = write_set(tmp_path / "set", {f"p{i}": 36 for i in range(10)})
    assert cli.main(["evaluate", "--suite", "forecast", str(folder), "--quick", "--out", str(tmp_path)]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "LightGBM" in x]
    assert "pip install 'pricing-assistant[benchmarks]'" in line
    rows = read_rows(tmp_path / "forecast.csv")
    assert [row["forecaster"] for row in rows] == [
        "in-context policy (ours)",
        *(name for name in baselines() if name != LIGHTGBM),
    ]
    assert {row["series"] for row in rows} == {"8"}


def test_the_command_says_which_folder_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "--suite", "forecast", str(tmp_path / "nothing")]) == 1
    assert (
        capsys.readouterr().err == f"pricing-assistant: {tmp_path / 'nothing'}: No such file or directory.\n"
    )


def committed() -> list[dict[str, str]]:
    return read_rows(RESULTS / "forecast.csv")


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_committed_baselines_agree_with_the_published_ones(name: str) -> None:
    wql = {row["forecaster"]: float(row["wql"]) for row in committed() if row["set"] == name}
    ordered = [wql[f] for f in (*(n for n in baselines() if n != LIGHTGBM), LIGHTGBM)]
    assert ordered[:3] == pytest.approx(PUBLISHED[name][:3], abs=1e-3)
    assert ordered[3] == pytest.approx(PUBLISHED[name][3], abs=6e-3)  # its bagging draws differ by version


def test_the_table_shows_all_moves_and_cover() -> None:
    table = markdown_table(RESULTS / "forecast.csv")
    assert "| tech_gadgets |" in table
    assert ".800 / .730 / .58" in table
