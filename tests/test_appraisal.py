"""One reading of a history says what the three separate questions say."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.store.demo import demo_history
from policy import PricingPipeline


@pytest.fixture(scope="module")
def pipeline() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


def test_an_appraisal_is_the_three_answers_from_one_reading(pipeline: PricingPipeline) -> None:
    history = demo_history()
    history = history[history["sku"].isin(sorted(set(history["sku"]))[:6])]
    found = pipeline.appraise(history, period="week")
    assert [it.recommendation for it in found] == pipeline.recommend(history)
    assert [it.standing for it in found] == pipeline.standings(history)
    for it, curve in zip(found, pipeline.demand_curve(history, points=25), strict=True):
        np.testing.assert_array_equal(it.curve.prices, curve.prices)
        np.testing.assert_array_equal(it.curve.mean, curve.mean)
        assert it.curve.quantiles.keys() == {"0.1", "0.9"}
        np.testing.assert_array_equal(it.curve.quantiles["0.9"], curve.quantiles["0.9"])


def test_a_part_of_a_shop_keeps_the_periods_of_the_whole(pipeline: PricingPipeline) -> None:
    # Every fourth week of one product alone looks like months; its shop counts by weeks.
    history = demo_history()
    history = history[history["sku"] == "CAN-LAV-200"]
    assert {it.recommendation.period for it in pipeline.appraise(history, period="day")} == {"day"}
