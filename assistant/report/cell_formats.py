"""How cells of the workbook look: the number format of a value is the one it is printed with elsewhere."""

from __future__ import annotations

from typing import Any

from babel.numbers import get_currency_precision, get_currency_symbol

from assistant.facts import LOCALES, total_decimals
from assistant.report.document import Column
from assistant.wording import Language

_INK, _PAPER, _LINE = "#1F2937", "#F3F4F6", "#D1D5DB"
_TONES = {"good": "#166534", "bad": "#B91C1C", "warning": "#92400E"}


class CellFormats:
    """The formats of one workbook, each made once."""

    def __init__(self, book: Any, language: Language) -> None:
        self._book, self._language = book, language
        self._made: dict[str, Any] = {}
        top = {"valign": "top"}
        heading = {
            "bold": True,
            "text_wrap": True,
            "bottom": 1,
            "bottom_color": _LINE,
            "font_color": _INK,
            **top,
        }
        self.heading = book.add_format(heading | {"bg_color": _PAPER})
        self.to_fill_heading = book.add_format(heading | {"bg_color": "#FDE68A"})
        self.to_fill = book.add_format({"bg_color": "#FFFBEB", "border": 1, "border_color": _LINE, **top})
        self.text = book.add_format(
            {"num_format": "@", "text_wrap": True, "align": "left", "indent": 1, **top}
        )
        self.one_line = book.add_format({"num_format": "@"})
        self.date = book.add_format({"num_format": "yyyy-mm-dd", "align": "left", "indent": 1, **top})
        self.link = book.add_format({"font_color": "#1D4ED8", "underline": 1, **top})
        self.summary = {
            "title": book.add_format({"bold": True, "font_size": 18, "font_color": _INK}),
            "subtitle": book.add_format({"font_color": "#4B5563"}),
            "section": book.add_format({"bold": True, "font_size": 13, "font_color": _INK}),
            "sentence": book.add_format({"text_wrap": True, **top}),
            "note": book.add_format({"text_wrap": True, "font_color": "#4B5563", **top}),
            "indicator": book.add_format({"bold": True, "num_format": "@", **top}),
        } | {
            tone: book.add_format({"bold": True, "num_format": "@", "font_color": color, **top})
            for tone, color in _TONES.items()
        }

    def of(self, column: Column, value: float, currency: str | None) -> Any:
        """The format of one number."""
        pattern = number_pattern(column, value, currency, self._language)
        if pattern not in self._made:
            self._made[pattern] = self._book.add_format({"num_format": pattern, "valign": "top"})
        return self._made[pattern]


def number_pattern(column: Column, value: float, currency: str | None, language: Language) -> str:
    """Excel's number format, with the decimals that `document.text` prints.

    >>> number_pattern(Column(key="price", label="", kind="price"), 16.69, "USD", "en")
    '"$"#,##0.00;-"$"#,##0.00'
    """
    match column.kind:
        case "price":
            pattern = _money(currency, get_currency_precision(currency) if currency else 2, language)
        case "total":
            pattern = _money(currency, total_decimals(currency, value), language)
        case "change" | "share":
            pattern = "0.0%"
        case "units":
            size = abs(value)
            pattern = "0.00" if 0 < size < 1 else "0.0" if size < 10 else "#,##0"
        case "count":
            pattern = "#,##0"
        case "elasticity":
            pattern = "0.0"
        case _:
            pattern = "0.00"
    if column.signed or column.kind == "change":
        return f"+{pattern};-{pattern};{pattern}"
    return f"{pattern};-{pattern}"


def _money(currency: str | None, decimals: int, language: Language) -> str:
    digits = "#,##0" + ("." + "0" * decimals if decimals else "")
    return f'"{get_currency_symbol(currency, LOCALES[language])}"{digits}' if currency else digits
