"""Speed: operations counted by hand, a table as a merchant has it, and rows that add up."""

from __future__ import annotations

import pytest
from small_networks import tiny_network

from policy.evaluation.speed import Load, operations, sales_table, speed_rows
from policy.history import canonical_history
from policy.model.loading import load_model
from policy.pipeline import PricingPipeline


def test_operations_of_a_forecast_by_hand() -> None:
    model = tiny_network()
    c = model.backbone.config
    d, wide, layers, heads = c.hidden_size, c.intermediate_size, c.num_hidden_layers, c.num_attention_heads
    attended = heads * c.head_dim
    weights = model.config.features * d + d * d + layers * (4 * d * attended + 3 * d * wide)
    answer = d * (model.demand_head.out_features + model.price_head.out_features)
    by_hand = 2 * 50 * weights + layers * 2 * 50**2 * attended + 2 * 4 * answer
    assert operations(model, tokens=50, ahead=4) == pytest.approx(by_hand)
    # Arithmetic grows with what is read, and hardly with what is asked.
    assert operations(model, tokens=100, ahead=1) > 2 * operations(model, tokens=50, ahead=1)


def test_the_table_is_weekly_and_whole() -> None:
    history, future = sales_table(Load(products=7, periods=30, ahead=3))
    table, report = canonical_history(history)
    assert (report.period, report.products, len(table)) == ("week", 7, 210)
    assert not [note for note in report.notes if note.code == "gaps_unknown"]
    assert len(future) == 21
    assert future["date"].min() > history["date"].max()


def test_rows_say_how_fast_and_on_what() -> None:
    model = load_model()
    rows = speed_rows(
        PricingPipeline(model),
        model.network,
        Load(products=3, periods=20, ahead=2, repeats=1),
        model_hash="abc",
        commit="def",
    )
    tasks = [(row["task"], row["products"], row["ahead"]) for row in rows]
    assert tasks == [
        ("predict_demand", "3", "1"),
        ("predict_demand", "3", "2"),
        ("recommend", "3", "1"),
        ("predict_demand", "1", "1"),
        ("recommend", "1", "1"),
    ]
    for row in rows:
        per_second = int(row["products"]) / float(row["milliseconds"]) * 1e3
        assert float(row["products_per_second"]) == pytest.approx(per_second, rel=0.05)
        assert row["processor"] and int(row["threads"]) >= 1 and float(row["matrix_gflops"]) > 0
        assert (row["model_hash"], row["commit"]) == ("abc", "def")
        assert bool(row["share_of_matrix_rate"]) == (row["task"] == "predict_demand")
        # Nothing is faster than the matrix product that it is made of.
        assert float(row["share_of_matrix_rate"] or 0) < 1


def test_an_impossible_load_is_refused() -> None:
    with pytest.raises(ValueError, match="`products` must be at least 1"):
        Load(products=0)
