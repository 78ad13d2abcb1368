"""Products' names in a text: where digits are no figures, and which product a number is said of."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_MEASURE = (
    r"(?:g|kg|mg|ml|cl|l|cm|mm|m|w|kw|v|a|ah|mah|gb|tb|mb|hz|oz|lb|lbs|inch|in|pc|pcs|pack|piece|pieces|ct|"
    r"克|千克|公斤|斤|毫升|升|厘米|毫米|米|瓦|寸|英寸|件套|支装|只装|片装|包装|装|片|支|入)"
)
_COUNTED = r"(?!\s?-?(?:units?|pieces|pcs|sales|orders|sold|products|items|件|单|款|种|箱|瓶)(?![A-Za-z]))"
"""After a name of digits alone: `1042 units` is a figure, whatever article is called 1042."""
_ALSO_WORDS = frozenset(["a", "in"])
"""Measures that are words too: `5 a week` is no battery of 5 A."""
_LETTER = re.compile(r"[^\W_\u3400-\u9fff]")
"""What a full name may not run on into; Chinese is written around it without a space."""
_PART_OF_NAME = re.compile(
    rf"\d+(?:\.\d+)?[\s-]?{_MEASURE}(?![A-Za-z])|(?=[a-z\d]*[a-z])(?=[a-z]*\d)[a-z\d]+", re.IGNORECASE
)


def name_spans(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Where a text names products: full names and SKUs, and parts that hold a measure, such as `1.7 L`.

    A name that is only digits counts where it is marked as one (`SKU 1042`, "1042") or has four or more.
    """
    spans: list[tuple[int, int]] = []
    patterns: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFC", name).strip()
        # No part of a name is looked for without its digits: a shop has thousands of names.
        if not any(digits in text for digits in re.findall(r"\d+", plain)):
            continue
        if re.fullmatch(r"[\d.,]+", plain):
            digits = re.escape(plain)
            patterns.add(rf"(?<=[`'\"“「#]){digits}(?=[`'\"”」])|(?:sku|商品|货号|编号)[\s:：#]*{digits}\b")
            if re.fullmatch(r"\d{4,}", plain):
                patterns.add(rf"(?<![\d.,$€£¥+-]){digits}(?![\d.,%元块]){_COUNTED}")
            continue
        spans += _whole(text, plain)
        patterns.update(
            rf"(?<![\w.,$€£¥₹₩+]){_spelt(part.group())}(?![A-Za-z\d])"
            for part in _PART_OF_NAME.finditer(plain)
        )
        patterns.update(
            rf"(?<![\w]){re.escape(part.group())}\b" for part in re.finditer(r"\b[Ss]et of \d+\b", plain)
        )
    for pattern in patterns:
        spans.extend(match.span() for match in re.finditer(pattern, text, re.IGNORECASE))
    return spans


def _whole(text: str, name: str) -> list[tuple[int, int]]:
    """Where a full name stands by itself. What is around it is looked at apart, since a pattern with
    `_LETTER` in it takes milliseconds to compile, and every product has its own."""
    return [
        match.span()
        for match in re.finditer(re.escape(name), text, re.IGNORECASE)
        if not _LETTER.match(text, match.end())
        and not (match.start() and _LETTER.match(text, match.start() - 1))
    ]


def _spelt(part: str) -> str:
    """A part of a name with a measure, written together, apart or with a hyphen as far as it stays one."""
    gap = "-?" if re.sub(r"[\d.\s-]", "", part).lower() in _ALSO_WORDS else "[ -]?"
    return re.escape(part).replace(chr(92) + " ", gap)


# Whose number it is


@dataclass(frozen=True)
class Named:
    """A product named in a text."""

    start: int
    end: int
    sku: str


_MARKS = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_JOINING = frozenset(["a", "an", "and", "for", "in", "of", "on", "or", "per", "set", "the", "to", "with"])
# Beyond these a name says nothing of a number; a comma does not end its reach ("Mug: cut to $5, from $6").
_SEGMENT_END = re.compile(r"[.](?!\d)|[;!?；。！？\n]|\s(?:but|while|whereas)\s|而(?!非|不)|但")
_BAR = re.compile(r"(?<!\\)\|")
_SEVERAL = re.compile(
    r"\b(?:than|respectively|versus|vs\.?|both|each|compared)\b|比|分别|都|各", re.IGNORECASE
)


def named_in(text: str, products: Mapping[str, str]) -> list[Named]:
    """Where a text names products, in order: by SKU, by name, by the name without its measure, or by two
    words of it in a row that no other product has.

    Parameters
    ----------
    products
        Name by SKU, of every product that the text may speak of.
    """
    folded = text.casefold()
    found = [
        Named(*match.span(), sku)
        for sku, forms in _forms(products).items()
        for form in forms
        if form.casefold() in folded
        for match in re.finditer(
            rf"(?<![^\W_]){re.escape(form)}(?![^\W_])" if form.isascii() else re.escape(form),
            text,
            re.IGNORECASE,
        )
    ]
    longest: list[Named] = []
    for it in sorted(found, key=lambda it: it.start - it.end):
        if not any(it.start < other.end and other.start < it.end for other in longest):
            longest.append(it)
    return sorted(longest, key=lambda it: it.start)


def owners_of(text: str, place: int, named: Sequence[Named]) -> frozenset[str]:
    """SKUs of the products that a number at this place may be said of; none where no name is near.

    The product named last before the number, else first after it; where several are compared, any of them.
    In a row of a table that names none it is the one at the head of the column.
    """
    cuts = _cuts(text, tuple(named))
    after = bisect_right(cuts, place)
    start, end = (cuts[after - 1], cuts[after]) if 0 < after < len(cuts) else (0, len(text))
    near = [it for it in named if start <= it.start and it.end <= end]
    if not near:
        return _of_column(text, place, named)
    if _SEVERAL.search(text, start, end):
        return frozenset(it.sku for it in near)
    before = [it for it in near if it.start <= place]
    return frozenset({(before[-1] if before else near[0]).sku})


@lru_cache(maxsize=16)
def _cuts(text: str, named: tuple[Named, ...]) -> tuple[int, ...]:
    """Where the segments of a text begin and end; it is asked for every number of it."""
    ends = (match.end() for match in _SEGMENT_END.finditer(text))
    # An end inside a name ends nothing.
    inner = (cut for cut in ends if not any(it.start < cut < it.end for it in named))
    return (0, *inner, len(text))


def _of_column(text: str, place: int, named: Sequence[Named]) -> frozenset[str]:
    """SKUs of the products in the first row of the table, in the column of a place; none outside a table."""
    start = head = text.rfind("\n", 0, place) + 1
    if not text.startswith("|", start):
        return frozenset()
    while head and text.startswith("|", before := text.rfind("\n", 0, head - 1) + 1):
        head = before
    column = len(_BAR.findall(text, start, place))
    bars = [match.start() for match in _BAR.finditer(text, head, text.find("\n", head))]
    if head == start or column >= len(bars):
        return frozenset()
    return frozenset(it.sku for it in named if bars[column - 1] < it.start < bars[column])


def _forms(products: Mapping[str, str]) -> dict[str, list[str]]:
    """What each product may be called, by SKU; nothing that two share."""
    pairs: dict[tuple[str, str], set[str]] = {}
    for sku, name in products.items():
        words = [word.lower() for word in _MARKS.findall(name) if not re.search(r"\d", word)]
        for pair in pairwise(words):
            if not _JOINING & set(pair):
                pairs.setdefault(pair, set()).add(sku)
    called = {sku: set[str]() for sku in products}
    for pair, skus in pairs.items():
        if len(skus) == 1:
            called[next(iter(skus))].add(" ".join(pair))
    names = Counter(name.casefold() for name in products.values())
    for sku, name in products.items():
        called[sku].add(sku)
        if names[name.casefold()] == 1:
            called[sku] |= {name, re.sub(r"\s+", " ", _PART_OF_NAME.sub("", name)).strip()}
    return {
        sku: [form for form in forms if len(form) > 2 and re.search(r"[^\W\d_]", form)]
        for sku, forms in called.items()
    }
