"""Sizes in names, and prices per unit of measure: conversions are exact."""

from __future__ import annotations

import pytest

from assistant.measures import Measure, Size, size_as, sizes_in


@pytest.mark.parametrize(
    ("size", "measure", "amount"),
    [
        (Size(1, "lb"), "oz", 16.0),
        (Size(1, "kg"), "jin", 2.0),
        (Size(1, "jin"), "liang", 10.0),
        (Size(1, "l"), "ml", 1000.0),
        (Size(100, "g"), "oz", 3.527396),
        (Size(12, "oz"), "g", 340.194),
        (Size(128, "fl oz"), "l", 3.785412),  # one US gallon
        (Size(10, "ft"), "m", 3.048),
        (Size(100, "g"), "ml", None),  # a gram of what?
        (Size(4, "piece"), "g", None),
    ],
)
def test_conversions_are_exact(size: Size, measure: Measure, amount: float | None) -> None:
    assert size.over(measure) == (None if amount is None else pytest.approx(amount, rel=1e-6))


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("Organic Green Tea 100 g", [Size(100, "g")]),
        ("Electric Kettle 1.7 L", [Size(1.7, "l")]),
        ("有机绿茶100克", [Size(100, "g")]),
        ("N95 Masks 10-pack", [Size(10, "piece")]),
        ("Mug Set of 4 (mixed)", [Size(4, "piece")]),
        ("刀具五件套", []),
        ("65W USB-C Charger", []),
        ("Wool Throw 130x170", []),
        ("Bluetooth Headphones BT20", []),
    ],
)
def test_names_state_sizes(name: str, sizes: list[Size]) -> None:
    assert sizes_in(name) == sizes


def test_only_a_size_of_the_kind_asked_for_counts() -> None:
    assert size_as("Tea 100 g, 20 pieces", "piece") == Size(20, "piece")
    assert size_as("Tea 100 g, 20 pieces", "kg") == Size(100, "g")
    assert size_as("Charger", "kg") is None
