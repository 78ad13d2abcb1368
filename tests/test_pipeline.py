"""PricingPipeline: the fixed interface, its invariances, abstention and what may never happen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_adapters import write_adapter
from transformers import GPT2Config, GPT2Model

from policy import HistoryError, PricingPipeline, Recommendation, Rules
from policy.learning.command import main as train
from policy.learning.pretrain import PretrainSettings, pretrain
from policy.model.adapters import add_lora
from policy.model.loading import EMBEDDED
from policy.model.transformer import PolicyModel

WEEKS = 60


def product(
    sku: str,
    *,
    elasticity: float = -2.0,
    price: float = 20.0,
    level: float = 80.0,
    cost: float | None = 8.0,
    seed: int = 0,
    moves: float = 0.15,
    weeks: int = WEEKS,
) -> pd.DataFrame:
    """A product of constant elasticity whose price was tested at random."""
    rng = np.random.default_rng(seed)
    prices = np.round(price * np.exp(moves * rng.uniform(-1, 1, weeks)), 2)
    units = rng.poisson(level * (prices / price) ** elasticity)
    frame = pd.DataFrame(
        {
            "sku": sku,
            "date": pd.date_range("2025-01-06", periods=weeks, freq="7D"),
            "price": prices,
            "units": units.astype(float),
        }
    )
    if cost is not None:
        frame["cost"] = cost
    return frame


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return pd.concat(
        [
            product("A", seed=1),
            product("B", elasticity=-1.2, seed=2),
            product("C", seed=3, price=5.0, cost=2.0),
        ]
    )


def only(pipe: PricingPipeline, frame: pd.DataFrame, **options: object) -> Recommendation:
    (record,) = pipe.recommend(frame, **options)  # type: ignore[arg-type]
    return record


def test_records_are_json_and_the_same_each_time(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    first, second = (
        [json.dumps(r.to_dict(), allow_nan=False) for r in pipe.recommend(history)] for _ in range(2)
    )
    assert first == second
    assert [json.loads(r)["sku"] for r in first] == ["A", "B", "C"]


def test_a_record_reads_back_from_json(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    for record in [*pipe.recommend(history), only(pipe, product("A", weeks=3))]:
        assert Recommendation.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_order_of_rows_does_not_matter(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    shuffled = history.sample(frac=1.0, random_state=0)
    assert [r.to_dict() for r in pipe.recommend(shuffled)] == [r.to_dict() for r in pipe.recommend(history)]


def test_currency_does_not_matter(pipe: PricingPipeline) -> None:
    dollars = product("A", seed=1)
    yen = dollars.assign(price=dollars.price * 100, cost=dollars.cost * 100)
    a, b = only(pipe, dollars), only(pipe, yen)
    assert b.model_price == pytest.approx(100 * a.model_price, rel=1e-3)
    assert b.take.units.mean == pytest.approx(a.take.units.mean, rel=2e-3)


def test_scale_of_units_hardly_matters_where_counts_are_large(pipe: PricingPipeline) -> None:
    small = product("A", level=3000.0, seed=1)
    big = small.assign(units=small.units * 10)
    a, b = only(pipe, small), only(pipe, big)
    assert b.keep.units.mean == pytest.approx(10 * a.keep.units.mean, rel=0.15)
    assert b.elasticity.mean == pytest.approx(a.elasticity.mean, rel=0.15)


def test_elasticity_is_found_in_context(pipe: PricingPipeline) -> None:
    steep = only(pipe, product("A", elasticity=-3.5, level=300.0, moves=0.3, seed=4)).elasticity
    flat = only(pipe, product("A", elasticity=-0.8, level=300.0, moves=0.3, seed=4)).elasticity
    assert steep.mean == pytest.approx(-3.5, rel=0.25)
    assert flat.mean == pytest.approx(-0.8, rel=0.5)
    assert steep.high < flat.low


def test_a_higher_cost_never_lowers_the_price(pipe: PricingPipeline) -> None:
    free = Rules(max_change=None, min_margin=None)
    cheap = only(pipe, product("A", cost=5.0, moves=0.3, seed=1), rules=free).price
    dear = only(pipe, product("A", cost=14.0, moves=0.3, seed=1), rules=free).price
    assert dear > cheap


def test_forecast_of_each_future_row_in_its_order(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    dates = pd.date_range("2026-03-02", periods=3, freq="7D")
    future = pd.DataFrame(
        [(s, d, p) for d in dates for s, p in (("C", 5.0), ("A", 20.0))], columns=["sku", "date", "price"]
    )
    found = pipe.predict_demand(history, future, quantile_levels=(0.1, 0.5, 0.9))
    assert list(found.columns) == ["sku", "date", "price", "mean", "0.1", "0.5", "0.9"]
    assert found[["sku", "date"]].equals(future[["sku", "date"]])
    assert (found["0.1"] <= found["0.5"]).all() and (found["0.5"] <= found["0.9"]).all()
    one = pipe.predict_demand(history, future[future.sku == "A"], quantile_levels=(0.5,))
    assert one["mean"].to_numpy() == pytest.approx(found.loc[found.sku == "A", "mean"].to_numpy(), rel=1e-3)


def test_a_cheaper_future_sells_no_less(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    day = pd.Timestamp("2026-03-02")
    cheap, dear = (
        pipe.predict_demand(history, pd.DataFrame({"sku": ["A"], "date": [day], "price": [p]}))
        for p in (17.0, 23.0)
    )
    assert (cheap.iloc[0, 3:].astype(float) >= dear.iloc[0, 3:].astype(float)).all()


def test_what_comes_later_cannot_change_an_earlier_forecast(pipe: PricingPipeline) -> None:
    whole = product("A", seed=1)
    cut, ahead = whole.iloc[:50], whole.iloc[50:54][["sku", "date", "price"]]
    alone = pipe.predict_demand(cut, ahead.iloc[:1])
    for later in (ahead, ahead.assign(price=[ahead["price"].iloc[0], 1.0, 90.0, 7.0])):
        first = pipe.predict_demand(cut, later).iloc[0, 3:].astype(float)
        assert first.to_numpy() == pytest.approx(alone.iloc[0, 3:].astype(float).to_numpy(), rel=1e-4)
    with pytest.raises(HistoryError, match="do not lie after"):
        pipe.predict_demand(whole, ahead)


def test_unknown_products_and_prices_raise(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    future = pd.DataFrame({"sku": ["X"], "date": [pd.Timestamp("2026-03-02")], "price": [3.0]})
    with pytest.raises(HistoryError, match="without history"):
        pipe.predict_demand(history, future)
    with pytest.raises(HistoryError, match="no positive `price`"):
        pipe.predict_demand(history, future.assign(sku="A", price=np.nan))
    with pytest.raises(HistoryError, match="no readable `date`"):
        pipe.predict_demand(history, future.assign(sku="A", date="soon"))
    with pytest.raises(HistoryError, match="1 of 2 future rows repeat a product and date"):
        pipe.predict_demand(history, pd.concat([future, future.assign(price=4.0)]).assign(sku="A"))


def test_future_rows_are_read_as_the_history_is(pipe: PricingPipeline) -> None:
    history = product("A", seed=1).assign(sku=101)
    future = pd.DataFrame({"sku": [101], "date": [pd.Timestamp("2026-03-02")], "price": [20.0]})
    plain = pipe.predict_demand(history, future)["mean"]
    assert pipe.predict_demand(history, future.assign(sku=101.0))["mean"].equals(plain)
    zoned = future.assign(date=future.date.dt.tz_localize("Asia/Shanghai"))
    assert pipe.predict_demand(history, zoned)["mean"].equals(plain)


def test_demand_curve_falls_and_its_band_holds_the_mean(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    for curve in pipe.demand_curve(history):
        assert (np.diff(curve.mean) <= 1e-9).all()
        assert (curve.quantiles["0.1"] <= curve.quantiles["0.9"]).all()
        assert (curve.objective_low <= curve.objective_mean).all()
        assert (curve.objective_mean <= curve.objective_high).all()
        assert curve.prices[0] < curve.current_price < curve.prices[-1]


@pytest.mark.parametrize(
    ("frame", "code", "remedy"),
    [
        (product("A", weeks=3), "too_little_history", "collect_more_sales"),
        (product("A", moves=0.0), "price_never_varied", "run_price_test"),
        (product("A").assign(stock=0.0), "out_of_stock", "restock"),
    ],
)
def test_abstains_and_says_what_would_help(
    pipe: PricingPipeline, frame: pd.DataFrame, code: str, remedy: str
) -> None:
    record = only(pipe, frame)
    assert record.abstained == code
    assert remedy in record.remedies
    assert record.price == record.current_price
    assert record.model_price is None and record.take is None and record.confidence == "low"


def test_a_price_that_never_varied_gets_a_test_within_the_rules(pipe: PricingPipeline) -> None:
    record = only(pipe, product("A", moves=0.0), rules=Rules(max_change=0.05))
    assert record.test_price is not None
    assert 0.01 <= abs(record.test_price / record.current_price - 1) <= 0.05 + 1e-9


def test_a_product_no_longer_sold_is_stale(pipe: PricingPipeline) -> None:
    old = product("OLD").assign(date=lambda d: d.date - pd.Timedelta(weeks=40))
    records = {r.sku: r for r in pipe.recommend(pd.concat([old, product("NEW", seed=2)]))}
    assert records["OLD"].abstained == "stale_data"
    assert records["NEW"].abstained is None


def test_without_cost_revenue_is_priced_and_said_so(pipe: PricingPipeline) -> None:
    record = only(pipe, product("A", cost=None))
    assert record.objective == "revenue"
    assert record.take.profit is None and record.unit_cost is None
    assert "cost_missing" in record.cautions and "add_cost" in record.remedies
    assert record.confidence == "low"


def test_rules_bind_and_leave_their_trail(pipe: PricingPipeline) -> None:
    frame = product("A", elasticity=-1.0, moves=0.3, seed=6)  # wants a much higher price
    rules = Rules(max_change=0.05, price_ending=0.99)
    record = only(pipe, frame, rules=rules)
    assert abs(record.change) <= 0.05
    assert round(record.price % 1, 2) == 0.99
    assert record.clamps[0].rule == "max_change"
    assert record.clamps[0].before == pytest.approx(record.model_price)


def test_an_ending_is_not_worth_a_loss(pipe: PricingPipeline) -> None:
    # Elastic demand at 0.90: the only price ending in .99 within reach is known to lose money.
    frame = product("A", elasticity=-4.0, price=0.90, cost=0.55, moves=0.2, level=300.0, seed=1)
    record = only(pipe, frame, rules=Rules(price_ending=0.99, max_change=0.3))
    assert record.price == record.current_price or record.gain.mean >= 0


def test_impossible_rules_keep_the_price_and_name_the_conflict(pipe: PricingPipeline) -> None:
    record = only(pipe, product("A", cost=30.0), rules=Rules(max_change=0.05))
    assert record.abstained == "rules_infeasible"
    assert record.price == record.current_price
    assert {"conflict_max_change", "conflict_min_margin"} <= set(record.cautions)


def test_rules_by_product(pipe: PricingPipeline, history: pd.DataFrame) -> None:
    records = pipe.recommend(history, rules={"A": Rules(max_change=0.0)})
    assert records[0].price == records[0].current_price
    assert records[0].rules_hash != records[1].rules_hash == Rules().digest


def test_rules_of_an_unknown_product_are_not_passed_over(
    pipe: PricingPipeline, history: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="lacks, the first is 'AA'"):
        pipe.recommend(history, rules={"AA": Rules(max_change=0.0)})


def test_drivers_answer_for_a_cost_rise(pipe: PricingPipeline) -> None:
    frame = product("A", moves=0.3, seed=1)
    frame.loc[frame.index[-2:], "cost"] = 12.0
    record = only(pipe, frame, rules=Rules(max_change=None))
    cost = next(d for d in record.drivers if d.name == "unit_cost")
    assert cost.contribution > 0


def test_profit_gained_is_revenue_gained_less_the_cost_of_the_units_gained(
    pipe: PricingPipeline, history: pd.DataFrame
) -> None:
    for record in pipe.recommend(history):
        gained, sold = record.revenue_gain, record.units_gain
        assert gained.mean == pytest.approx(
            record.take.revenue.mean - record.keep.revenue.mean, rel=1e-6, abs=1e-9
        )
        assert sold.mean == pytest.approx(record.take.units.mean - record.keep.units.mean, rel=1e-6, abs=1e-9)
        cost = record.unit_cost
        assert record.gain.mean == pytest.approx(gained.mean - cost * sold.mean, rel=1e-6, abs=1e-9)
    whole = pipe.recommend(history.drop(columns="cost"))
    assert all(it.gain == it.revenue_gain for it in whole)  # without a cost, revenue is the aim
    assert any(it.price != it.current_price for it in whole)


def test_what_if_matches_the_recommendation_at_its_price(pipe: PricingPipeline) -> None:
    frame = product("A", moves=0.3, seed=1)
    record = only(pipe, frame)
    answer = pipe.what_if(frame, sku="A", price=record.price)
    assert answer.at.units.mean == pytest.approx(record.take.units.mean, rel=1e-6)
    assert answer.gain.mean == pytest.approx(record.gain.mean, rel=1e-6)
    far = pipe.what_if(frame, sku="A", price=100.0)
    assert "outside_known_range" in far.cautions
    with pytest.raises(HistoryError, match="check the sku"):
        pipe.what_if(frame, sku="nope", price=10.0)


def test_horizon_averages_over_the_periods_ahead(pipe: PricingPipeline) -> None:
    frame = product("A", seed=1)
    one, four = only(pipe, frame), only(pipe, frame, horizon=4)
    assert four.keep.units.mean == pytest.approx(one.keep.units.mean, rel=0.3)
    with pytest.raises(ValueError, match="horizon"):
        pipe.recommend(frame, horizon=0)


def test_quantiles_of_slow_sellers_are_no_negative_zero(pipe: PricingPipeline) -> None:
    record = only(pipe, product("A", level=0.5, seed=1))
    assert "-0.0" not in json.dumps(record.to_dict()["keep"]["units"])


def test_months_end_on_their_own_last_day(pipe: PricingPipeline) -> None:
    frame = product("A", seed=1, weeks=13).assign(date=pd.date_range("2025-01-31", periods=13, freq="ME"))
    assert only(pipe, frame).date == "2026-02-28"


def test_an_adapter_changes_answers_and_its_hash_is_recorded(tmp_path: Path) -> None:
    model = pretrain(PretrainSettings(steps=1, batch_size=2, periods=8, warmup=1), tmp_path / "run")
    model.save_pretrained(tmp_path / "base")
    adapted = add_lora(PolicyModel.from_pretrained(tmp_path / "base"), rank=4, alpha=8)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    adapted.save_pretrained(str(tmp_path / "adapter"))
    frame = product("A", seed=1)
    plain = only(PricingPipeline.from_pretrained(str(tmp_path / "base")), frame)
    fitted = only(
        PricingPipeline.from_pretrained(str(tmp_path / "base"), adapter=str(tmp_path / "adapter")), frame
    )
    assert plain.adapter_hash is None and fitted.adapter_hash is not None
    assert plain.model_hash == fitted.model_hash
    assert plain.keep.units.mean != fitted.keep.units.mean


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No model weights"):
        PricingPipeline.from_pretrained(str(tmp_path))


def test_the_same_on_a_saved_language_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    GPT2Model(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=256)).save_pretrained(
        tmp_path / "gpt2"
    )
    run = tmp_path / "run"
    arguments = ["--run", str(run), "--steps", "1", "--batch-size", "2", "--backbone", str(tmp_path / "gpt2")]
    assert train(arguments) == 0
    record = only(PricingPipeline.from_pretrained(str(run / "model")), product("A", seed=1))
    assert record.take is not None and record.price > 0


def test_a_stores_adapter_says_what_to_test(
    pipe: PricingPipeline, history: pd.DataFrame, tmp_path: Path
) -> None:
    write_adapter(tmp_path, seed=3, base=EMBEDDED)
    fitted = pipe.with_adapter(tmp_path)
    ours, theirs = (p.recommend(history, explore=True) for p in (pipe, fitted))
    assert [r.test_price for r in ours] != [r.test_price for r in theirs]
    tests = [r for r in theirs if r.test_price is not None]
    assert tests and all(abs(r.test_price / r.current_price - 1) <= 0.1 + 1e-9 for r in tests)
