"""Sizes in products' names, and what a price comes to per unit of measure; every conversion is exact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["mass", "volume", "length", "count"]
Measure = Literal[
    "g", "kg", "100 g", "oz", "lb", "jin", "liang", "ml", "l", "100 ml", "fl oz", "m", "cm", "ft", "piece"
]
MEASURES: tuple[Measure, ...] = get_args(Measure)

_IN: Mapping[Measure, tuple[Kind, float]] = {
    "g": ("mass", 1.0),
    "kg": ("mass", 1000.0),
    "100 g": ("mass", 100.0),
    "oz": ("mass", 28.349523125),
    "lb": ("mass", 453.59237),
    "jin": ("mass", 500.0),
    "liang": ("mass", 50.0),
    "ml": ("volume", 1.0),
    "l": ("volume", 1000.0),
    "100 ml": ("volume", 100.0),
    "fl oz": ("volume", 29.5735295625),
    "m": ("length", 1.0),
    "cm": ("length", 0.01),
    "ft": ("length", 0.3048),
    "piece": ("count", 1.0),
}
"""Kind of measure, and grams, millilitres, metres or pieces in one: the international avoirdupois ounce and
pound and foot of 1959, the US fluid ounce, the market jin and liang of China."""

_UNITS: Mapping[str, Measure] = {
    "g": "g", "克": "g", "kg": "kg", "公斤": "kg", "千克": "kg", "oz": "oz", "盎司": "oz",
    "lb": "lb", "lbs": "lb", "磅": "lb", "斤": "jin", "两": "liang", "ml": "ml", "毫升": "ml",
    "l": "l", "升": "l", "m": "m", "米": "m", "cm": "cm", "厘米": "cm", "ft": "ft",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_SIZE = re.compile(rf"(?<![A-Za-z0-9.,])(\d+(?:[.,]\d+)?) ?({_UNIT})(?![a-z0-9])", re.IGNORECASE)
_PIECES = re.compile(
    r"(?<![A-Za-z0-9.,])(\d+)[- ]?(?:pack|pk|pcs?|pieces?|count|ct|[只片支个]装|件套|只|片|件)(?![a-z])"
    r"|\b(?:set|pack|box) of (\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Size:
    """How much of something there is."""

    amount: float
    measure: Measure

    def over(self, measure: Measure) -> float | None:
        """How many of another measure that is; None where they do not measure the same."""
        (kind, own), (other, one) = _IN[self.measure], _IN[measure]
        return self.amount * own / one if kind == other else None


def sizes_in(text: str) -> list[Size]:
    """Every size that a name states, pieces of a pack among them."""
    found = [Size(float(m[1].replace(",", ".")), _UNITS[m[2].lower()]) for m in _SIZE.finditer(text)]
    return found + [Size(float(m[1] or m[2]), "piece") for m in _PIECES.finditer(text)]


def size_as(text: str, measure: Measure) -> Size | None:
    """The size of a name that can be told in a measure; None where it states none."""
    return next((size for size in sizes_in(text) if size.over(measure)), None)
