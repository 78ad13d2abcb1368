"""A category is understood in English and in Chinese, whichever the shop writes it in."""

from __future__ import annotations

import datetime as dt

import pytest

from assistant.search import find
from assistant.store import Product

DAY = dt.date(2026, 11, 23)


def product(sku: str, name: str, category: str) -> Product:
    return Product(
        id=1, sku=sku, store=None, name=name, category=category, currency="USD", aliases=(), periods=10,
        first_date=DAY, last_date=DAY, price=1.0,
    )  # fmt: skip


SHOP = [
    product("CHG", "65W Charger", "electronics"),
    product("HDP", "Headphones", "electronics"),
    product("MUG", "Blue Mug", "mugs"),
    product("MUG2", "White Mug", "mugs"),
    product("TOY", "积木", "玩具"),
    product("TOY2", "拼图", "玩具"),
]


@pytest.mark.parametrize(
    ("query", "category", "skus"),
    [
        ("电子类", "electronics", ["CHG", "HDP"]),
        ("所有数码产品", "electronics", ["CHG", "HDP"]),
        ("电子产品", "electronics", ["CHG", "HDP"]),
        ("杯子类", "mugs", ["MUG", "MUG2"]),
        ("all toys", "玩具", ["TOY", "TOY2"]),
        ("玩具类", "玩具", ["TOY", "TOY2"]),
    ],
)
def test_a_category_is_named_in_either_language(query: str, category: str, skus: list[str]) -> None:
    found = find(query, SHOP)
    assert (found.status, found.category) == ("category", category)
    assert [it.sku for it in found.matches] == skus


@pytest.mark.parametrize("query", ["服装类", "电动车", "家具类"])
def test_a_category_that_the_shop_has_not_is_not_found(query: str) -> None:
    assert find(query, SHOP).status == "not_found"


def test_a_word_in_a_products_name_is_no_category() -> None:
    """The word that a product is called by wins over the category of the same meaning."""
    found = find("数码", [*SHOP, product("CAM", "数码相机", "photo")])
    assert [it.sku for it in found.matches] == ["CAM"]
