"""Finding products by what a merchant calls them: SKU, name, alias or category, typos and all."""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from rapidfuzz.distance import OSA, LCSseq

import prompts

if TYPE_CHECKING:
    from assistant.store import Product

SearchStatus = Literal["ok", "ambiguous", "category", "not_found"]

ENOUGH = 0.4
"""Smallest share of the query, its words weighted by how telling they are, that a match must explain."""
CLOSE = 0.12
"""Products within this of the best score are too close to choose between."""
EVERY_WORD = 0.999
"""A product that explains every word of the query is meant where it is the only one."""
UNKNOWN_WORD = 0.4
"""Weight of a word that no product has; a word that one product in 20 has weighs log 21, about 3."""

_PIECE = re.compile(r"[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]+|\d+(?:\.\d+)?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
_CJK = re.compile(r"[\u3400-\u9fff]+")
_FILLER = frozenset(
    ("a", "an", "the", "my", "our", "your", "this", "that", "these", "those", "of", "for", "on", "in", "at",
     "to", "with", "and", "or", "is", "are", "be", "it", "its", "price", "product", "item", "please", "me",
     "one", "just", "all", "every", "each", "any")
)  # fmt: skip
_CJK_FILLER = re.compile(
    "这个|那个|这款|那款|我的|我们|咱们|店里|商品|产品|价格|多少钱|所有|全部|每个|每款|各种|一款|的|款"
)
_EVERY = re.compile(r"\b(?:all|every|each|any)\b|所有|全部|每个|每款|各种|类$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """`matches` best first: one where `ok`, those too close to choose between where `ambiguous`."""

    status: SearchStatus
    matches: tuple[Product, ...]
    category: str | None = None
    """The category that the phrase names, where it names one."""


class _Entry:
    """One product's words, ready to compare with."""

    def __init__(self, product: Product) -> None:
        self.product = product
        texts = [text for text in (product.name, *product.aliases, product.category) if text]
        pieces = [pieces_of(text) for text in texts]
        self.names = {tuple(p) for p in pieces[: len(texts) - bool(product.category)]}
        self.words = {piece for group in pieces for piece in group if not _CJK.fullmatch(piece)}
        self.chinese = ["".join(p for p in group if _CJK.fullmatch(p)) for group in pieces]

    def similarity(self, piece: str) -> float:
        """How well one word of the query is found in the product, from 0 to 1."""
        if _CJK.fullmatch(piece):
            return max((_chinese_similarity(piece, text) for text in self.chinese if text), default=0.0)
        return max((_word_similarity(piece, word) for word in self.words), default=0.0)


def find(query: str, products: Iterable[Product]) -> Found:
    """The products that a phrase means; an empty phrase means all of them.

    A SKU, or a full name or alias, wins outright. Otherwise each product scores the share of the phrase
    that it explains, rare words counting more; one clear best is `ok`, as is the only one that explains all
    of it. A category in the plural, or after
    `all` or `every`, means the whole category; in the singular it is `ambiguous`. It may be said in English
    or Chinese, whichever the shop writes it in.
    """
    unique = list({product.sku: product for product in reversed(list(products))}.values())[::-1]
    by_sku = _by_sku(query, unique)
    if by_sku:
        return Found("ok" if len(by_sku) == 1 else "ambiguous", tuple(by_sku))
    entries = [_Entry(product) for product in unique]
    everything = tuple(pieces_of(query))
    exact = [entry.product for entry in entries if everything and everything in entry.names]
    if exact:
        return Found("ok" if len(exact) == 1 else "ambiguous", tuple(exact))

    content = _content(query)
    if not content:
        return Found("category" if unique else "not_found", tuple(unique))
    category, members = _category(content, unique)
    if category is not None and (_EVERY.search(query) or _is_plural(query)):
        return Found("category", tuple(members), category)
    ranked = _rank(content, entries)
    if not ranked:  # a category in the other language explains no word of its products
        return Found("category" if members else "not_found", tuple(members), category)
    whole = [entry.product for score, entry in ranked if score >= EVERY_WORD]
    if len(whole) == 1:
        return Found("ok", tuple(whole), category)
    best = ranked[0][0]
    matches = tuple(entry.product for score, entry in ranked if score >= best - CLOSE)
    return Found("ok" if len(matches) == 1 else "ambiguous", matches, category)


def pieces_of(text: str) -> list[str]:
    """Lower-case words in the singular, numbers, and runs of Chinese: `2 Mugs 350ml` is 2, mug, 350, ml."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [_singular(piece) for piece in _PIECE.findall(folded)]


def _content(query: str) -> list[str]:
    stripped = _CJK_FILLER.sub(" ", unicodedata.normalize("NFKC", query))
    stripped = re.sub(r"(?<=[A-Za-z])码", " ", stripped)  # a size: M码袜子
    pieces = [piece for piece in pieces_of(stripped) if piece not in _FILLER]
    return [
        piece[:-1] if _CJK.fullmatch(piece) and len(piece) > 1 and piece[-1] in "子儿类" else piece
        for piece in pieces
    ]


def _by_sku(query: str, products: Sequence[Product]) -> list[Product]:
    """Products whose SKU is written in the query, whole or as a prefix such as `CAN-LAV`."""
    plain = {_plain(product.sku): product for product in products}
    whole = plain.get(_plain(query))
    if whole is not None:
        return [whole]
    words = [
        word for word in map(_plain, _WORD.findall(query)) if any(c.isdigit() for c in word) or "-" in query
    ]
    named = [
        plain[word]
        for word in dict.fromkeys(words)
        if word in plain and (not word.isdigit() or len(word) > 3)
    ]
    if named:
        return named
    prefixes = [_plain(word) for word in _WORD.findall(query) if "-" in word and len(_plain(word)) >= 5]
    return [product for key, product in plain.items() if any(key.startswith(prefix) for prefix in prefixes)]


def _plain(sku: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", sku)).casefold()


def _category(content: Sequence[str], products: Sequence[Product]) -> tuple[str | None, list[Product]]:
    wanted = frozenset(content)
    meant = {wanted} | {said for names in _same_categories() if wanted in names for said in names}
    for product in products:
        if product.category and frozenset(_content(product.category)) in meant:
            same = [other for other in products if other.category == product.category]
            return product.category, same
    return None, []


@cache
def _same_categories() -> tuple[frozenset[frozenset[str]], ...]:
    """What a category is called in English and in Chinese: names, each as its words, with and without 类."""
    table: dict[str, list[str]] = tomllib.loads(prompts.load("zh", "categories.toml"))
    return tuple(
        frozenset(frozenset(_content(f"{name}{end}")) for name in (english, *chinese) for end in ("", "类"))
        for english, chinese in table.items()
    )


def _is_plural(query: str) -> bool:
    words = [p for p in _PIECE.findall(query.casefold()) if p not in _FILLER and not _CJK.fullmatch(p)]
    return bool(words) and _singular(words[-1]) != words[-1]


def _rank(content: Sequence[str], entries: Sequence[_Entry]) -> list[tuple[float, _Entry]]:
    """(score, product) of products that explain enough of the query, best first."""
    table = [[entry.similarity(piece) for piece in content] for entry in entries]
    having = [sum(row[i] > 0 for row in table) for i in range(len(content))]
    weights = [math.log1p(len(entries) / number) if number else UNKNOWN_WORD for number in having]
    total = sum(weights)
    scores = [sum(w * s for w, s in zip(weights, row, strict=True)) / total for row in table]
    ranked = [(score, entry) for score, entry in zip(scores, entries, strict=True) if score >= ENOUGH]
    return sorted(ranked, key=lambda pair: -pair[0])


def _word_similarity(query: str, word: str) -> float:
    """1 for the same word, less for a typo or the beginning of it; numbers must agree exactly."""
    if query == word:
        return 1.0
    if query[0] != word[0] or query[0].isdigit():
        return 0.0
    slips = 2 if len(query) >= 8 else 1 if len(query) >= 4 else 0
    if slips and OSA.distance(query, word, score_cutoff=slips) <= slips:
        return 0.9
    return 0.8 if len(query) >= 3 and word.startswith(query) else 0.0


def _chinese_similarity(query: str, text: str) -> float:
    """Share of the query's characters found in the text in their order; 0 below three in five.

    A query longer than the name is a sentence around it: then the share of the name counts.
    """
    if text in query:
        return 1.0
    common = LCSseq.similarity(query, text)
    share = common / len(query)
    within = 0.9 * common / len(text) if len(query) > len(text) and common >= 3 else 0.0
    best = max(share, within)
    return best if best >= 0.6 else 0.0


def _singular(word: str) -> str:
    if len(word) > 3 and word.isascii() and word.isalpha():
        if word.endswith("ies"):
            return word[:-3] + "y"
        if word.endswith(("sses", "shes", "ches", "xes")):
            return word[:-2]
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            return word[:-1]
    return word
