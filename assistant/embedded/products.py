"""Which products a request is about: by name, by choice from a list, or by what was spoken of before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from assistant.embedded.conversation import Call, Payload, Product, product_of
from assistant.embedded.mentions import Mention
from assistant.embedded.understanding import Request

Ask = Callable[[Sequence[Call]], list[Payload]]
"""Results of tool calls, in order; raises `Pending` where some were not made yet."""

FOLLOW_UPS = ("explain", "confidence", "elasticity", "facts", "what_if")
"""Intents that speak of the product at hand where its name alone would be ambiguous."""

_SIZE = re.compile(
    r"(\d+(?:\.\d+)?)\s?(ml|l|kg|g|cm|mm|m|w|oz|毫升|升|克|公斤|厘米|米|瓦)(?![a-z])", re.IGNORECASE
)
_UNITS = {
    "ml": ("l", 0.001), "毫升": ("l", 0.001), "l": ("l", 1.0), "升": ("l", 1.0),
    "g": ("g", 1.0), "克": ("g", 1.0), "kg": ("g", 1000.0), "公斤": ("g", 1000.0), "oz": ("oz", 1.0),
    "mm": ("m", 0.001), "cm": ("m", 0.01), "厘米": ("m", 0.01), "m": ("m", 1.0), "米": ("m", 1.0),
    "w": ("w", 1.0), "瓦": ("w", 1.0),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class State:
    """What the conversation so far is about."""

    request: Request | None = None
    focus: tuple[Product, ...] = ()
    """Products of the last answer."""
    candidates: tuple[Product, ...] = ()
    """Products of the last list, in the order shown."""
    listing: tuple[Call, ...] = ()
    """The searches that found that list: made again before it is shown again."""
    asked: str = ""
    """What the last answer asked back: which, price, direction, rate, reason, lacking, or nothing."""
    mentions: tuple[Mention, ...] = ()
    """What the last words called a product, where no tool looked it up."""
    answer: str = ""
    tried: tuple[Call, ...] = ()
    """What-if calls of the last answer."""
    spoken_of: tuple[Product, ...] = ()
    """Products of all answers, in the order in which they came up."""


@dataclass(frozen=True)
class Resolved:
    """The products meant; `candidates` where one must be chosen; `missing` words that name no product."""

    products: tuple[Product, ...] = ()
    candidates: tuple[Product, ...] = ()
    missing: tuple[str, ...] = ()
    listing: tuple[Call, ...] = ()
    """The searches that found them."""
    failed: Payload | None = field(default=None)


def resolve(request: Request, state: State, ask: Ask) -> Resolved:
    """The products of a request."""
    if state.asked == "which" and (product := _of_size(request, state.candidates)):
        return Resolved((product,))
    if request.selection is not None:
        return _selected(request, state, ask)
    if request.mentions:
        return _found(request, request.mentions, state, ask)
    if "them" in request.flags and len(state.candidates) > 1:
        return Resolved(state.candidates)
    if state.focus:
        return Resolved(state.focus)
    return _found(request, state.mentions, state, ask) if state.mentions else Resolved()


def _selected(request: Request, state: State, ask: Ask) -> Resolved:
    """ "The second", "the other one": from the last list, or from what the last words may have meant."""
    selection = request.selection
    assert selection is not None
    pool, listing = state.candidates, state.listing
    if len(state.spoken_of) > 1 and not set(state.focus) & set(pool):
        pool, listing = state.spoken_of, ()  # "back to the first one"
    elif not pool and len(state.focus) == 1 and selection.other:
        pool = siblings(state.focus[0], ask)
        request = replace(request, mentions=())
    named = request.mentions or (() if pool else state.mentions)
    if named:
        found = _found(replace(request, selection=None), named, replace(state, focus=()), ask)
        pool, listing = found.candidates or found.products or pool, found.listing or listing
    if not pool:
        return Resolved()
    if selection.other:
        spoken_of = {product.sku for product in state.focus}
        answer = _plain(state.answer)
        others = [p for p in pool if p.sku not in spoken_of and (state.focus or _plain(p.name) not in answer)]
        pool = tuple(others or pool)
        index = 0 if len(others) == 1 else len(pool)
    else:
        index = selection.index or 0
    if -len(pool) <= index < len(pool):
        return Resolved((pool[index],))
    ask(listing)
    return Resolved(candidates=pool, listing=listing)


def siblings(product: Product, ask: Ask) -> tuple[Product, ...]:
    """Products that share the first words of a name, the variants of one article: "the other colour"."""
    words = product.name.split()
    for count in range(len(words) - 1, max(len(words) - 4, 0), -1):
        rows = _rows(ask([_find(" ".join(words[:count]))])[0])
        if len(rows) > 1 and product in rows:
            return tuple(rows)
    return ()


def _found(request: Request, mentions: Sequence[Mention], state: State, ask: Ask) -> Resolved:
    """Look the mentions up: names known already, then the last list, then the shop."""
    settled: dict[Mention, list[Product]] = {}
    for mention in mentions:
        if mention.sku is not None:
            known = [p for p in (*state.focus, *state.candidates) if p.sku == mention.sku]
            if not known and request.amounts.currency is not None:  # told against the shop's own
                known = [p for p in _rows(ask([_find(mention.sku)])[0]) if p.sku == mention.sku]
            settled[mention] = known[:1] or [Product(mention.sku, mention.text)]
        elif len(named := fitting(mention.text, state.candidates)) == 1:
            settled[mention] = named
    unknown = [mention for mention in mentions if mention not in settled][:8]
    answers = dict(zip(unknown, ask([_find(mention.text) for mention in unknown]), strict=True))
    if len(unknown) > 1 and any(payload.get("status") != "ok" for payload in answers.values()):
        # "salt and pepper mill" may be one name: the words together decide where they find one product.
        together = ask([_find(" ".join(mention.text for mention in unknown))])[0]
        if together.get("status") == "ok" and not any(
            payload.get("status") == "ok" for payload in answers.values()
        ):
            return Resolved((*(p for products in settled.values() for p in products), *_rows(together)))
    open_list: list[Product] = []
    missing: list[str] = []
    surely = any(mention.marked for mention in mentions) or bool(settled)
    for mention, payload in answers.items():
        status, rows = payload.get("status"), _rows(payload)
        if status in ("error", "empty"):
            return Resolved(failed=payload)
        chosen = rows if status == "ok" or (status == "category" and not state.asked) else []
        chosen = chosen or _chosen(request, mention, state, rows) or (rows if status == "category" else [])
        if status == "not_found" or not rows:
            if len(mention.text) > 1 and (mention.marked or not surely):
                missing.append(mention.text)
        elif chosen:
            settled[mention] = chosen
        elif mention.marked or not surely or len(rows) <= 4:
            open_list.extend(rows)
    products = _unique(p for mention in mentions for p in settled.get(mention, []))
    if not products and not open_list and missing and state.focus and not _surely_names(request, mentions):
        return Resolved(state.focus)
    if products and not any(mention.text in missing and mention.marked for mention in mentions):
        missing = []
    open_list = [p for p in open_list if p not in products]
    return Resolved(products, _unique(open_list), tuple(missing), tuple(_find(m.text) for m in unknown))


def _surely_names(request: Request, mentions: Sequence[Mention]) -> bool:
    """Whether words that found nothing are a product's name rather than stray words on the one at hand.

    Chinese has no articles to mark a name; in other languages a name may open the message ("bicycle
    price?"). Neither holds where the message points back ("它……").
    """
    if any(mention.marked for mention in mentions):
        return True
    points_back = "follow_up" in request.flags and "same_question" not in request.flags
    chinese = any(re.search(r"[\u3400-\u9fff]", mention.text) for mention in mentions)
    opens = request.text.lower().startswith(mentions[0].text.lower())
    return not points_back and (chinese or opens)


def _chosen(request: Request, mention: Mention, state: State, rows: list[Product]) -> list[Product]:
    """The rows of an ambiguous search that are meant after all, or none."""
    if "every" in request.flags or (
        _is_plural(mention.text)
        and all(fitting(mention.text, [row]) for row in rows)
        and not any(mention.text.split()[-1].lower() in row.name.lower().split() for row in rows)
    ):
        return rows
    if state.asked == "which" and len(narrowed := fitting(mention.text, state.candidates)) == 1:
        return narrowed
    offered = [row for row in rows if row in state.candidates]
    if state.asked == "which" and len(offered) == 1:
        return offered
    if extreme := _of_size(request, rows):
        return [extreme]
    if request.intent not in FOLLOW_UPS:
        return []
    answer, focus = _plain(state.answer), {product.sku for product in state.focus}
    at_hand = [row for row in rows if row.sku in focus or (not focus and _plain(row.name) in answer)]
    return at_hand if len(at_hand) == 1 else []


def _find(text: str) -> Call:
    # "350的马克杯": the sign that joins a measure to a name is no part of either.
    return Call.of("find_products", query=re.sub(r"(?<=[0-9A-Za-z])的", " ", text))


def _rows(payload: Payload) -> list[Product]:
    return [product_of(row) for row in payload.get("matches", [])]


def fitting(text: str, products: Sequence[Product]) -> list[Product]:
    """Those of a short list whose name or SKU holds every word of the text, and every Chinese character."""
    words = [_stem(word) for word in re.findall(r"[a-z0-9.]+", text.lower())]
    signs = [sign for sign in re.findall(r"[\u3400-\u9fff]", text) if sign not in "的款个色"]
    if not words and not signs:
        return []

    def fits(product: Product) -> bool:
        name = f"{product.name} {product.sku}".lower()
        tokens = {_stem(word) for word in re.findall(r"[a-z0-9.]+", name)}
        return all(word in tokens for word in words) and all(sign in name for sign in signs)

    return [product for product in products if fits(product)]


def stating(text: str, products: Sequence[Product]) -> list[Product]:
    """Those of a short list whose name states every number of the text: "the 1.7 one"."""
    numbers = set(re.findall(r"\d+(?:\.\d+)?", text))
    return [p for p in products if numbers and numbers <= set(re.findall(r"\d+(?:\.\d+)?", p.name))]


def _of_size(request: Request, products: Sequence[Product]) -> Product | None:
    """The one of a list that "the small one" or "the large one" means."""
    for flag, largest in (("small", False), ("large", True)):
        if flag in request.flags and (extreme := _extreme(products, largest=largest)):
            return extreme
    return None


def _extreme(products: Sequence[Product], *, largest: bool) -> Product | None:
    """The smallest or largest product by the one measure that all their names state."""
    sizes: list[tuple[float, Product]] = []
    dimensions = set()
    for product in products:
        match = _SIZE.search(product.name)
        if match is None:
            return None
        dimension, factor = _UNITS[match[2].lower()]
        dimensions.add(dimension)
        sizes.append((float(match[1]) * factor, product))
    sizes.sort(key=lambda pair: -pair[0] if largest else pair[0])
    if len(dimensions) != 1 or len(sizes) < 2 or sizes[0][0] == sizes[1][0]:
        return None
    return sizes[0][1]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _is_plural(text: str) -> bool:
    last = text.split()[-1]
    return last.isascii() and last.isalpha() and _stem(last.lower()) != last.lower()


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _unique(products: Iterable[Product]) -> tuple[Product, ...]:
    return tuple({product.sku: product for product in products}.values())
