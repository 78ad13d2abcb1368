"""Which font of the PDF has which character: Helvetica, then DejaVu Sans, then Droid Sans Fallback."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Literal

from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFError, TTFont

Face = Literal["Helvetica", "Helvetica-Bold", "DejaVuSans", "DejaVuSans-Bold", "DroidSansFallback"]
CHINESE: Face = "DroidSansFallback"
PLACEHOLDER = "\N{WHITE SQUARE}"
"""Drawn for a character that no font has."""


class FontMissing(OSError):
    """A font that the PDF needs is not where it was installed."""


@cache
def _glyphs(face: Face) -> frozenset[int]:
    """The code points that a TrueType font draws; it is known to reportlab from then on."""
    if face == CHINESE:
        path = Path(str(files("assistant") / "report" / "fonts" / f"{face}.ttf"))
    else:
        from matplotlib import get_data_path

        path = Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
    try:
        font = TTFont(face, str(path))
    except (OSError, TTFError):
        raise FontMissing(
            f"The font {path} is missing or cannot be read, and the PDF needs it for what Helvetica lacks. "
            "Reinstall Pricing Assistant, or leave the PDF out."
        ) from None
    registerFont(font)
    return frozenset(font.face.charToGlyph)


def face_of(character: str, *, bold: bool = False) -> Face | None:
    """The font that draws a character; None where none does. Chinese has no bold.

    Raises
    ------
    FontMissing
        Where the fonts that would have to be looked through are not there.
    """
    try:
        character.encode("cp1252")
        return "Helvetica-Bold" if bold else "Helvetica"
    except UnicodeEncodeError:
        pass
    latin: Face = "DejaVuSans-Bold" if bold else "DejaVuSans"
    return next((face for face in (latin, CHINESE) if ord(character) in _glyphs(face)), None)


@lru_cache(maxsize=4096)
def runs(text: str, *, bold: bool = False) -> tuple[tuple[Face, str], ...]:
    """The text as it is drawn, cut where the font changes; white space and control characters are a blank."""
    if text.isascii() and text.isprintable():
        return ((_plain(bold), text),)
    drawn: list[tuple[Face, str]] = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category == "Cf" or "\N{VARIATION SELECTOR-1}" <= character <= "\N{VARIATION SELECTOR-16}":
            continue  # joiners and selectors of what is drawn as a placeholder have no width of their own
        if category == "Cc" or character.isspace():
            drawn.append((drawn[-1][0] if drawn else _plain(bold), " "))
        elif (face := face_of(character, bold=bold)) is not None:
            drawn.append((face, character))
        else:
            drawn.append(("DejaVuSans", PLACEHOLDER))
            face_of(PLACEHOLDER)
    return tuple(
        (face, "".join(character for _, character in part))
        for face, part in groupby(drawn, key=lambda it: it[0])
    )


def _plain(bold: bool) -> Face:
    return "Helvetica-Bold" if bold else "Helvetica"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Of a line, in points."""
    return sum(stringWidth(part, face, size) for face, part in runs(text, bold=bold))


def markup(text: str, *, bold: bool = False) -> str:
    """The text for reportlab's paragraphs: its characters are escaped, its fonts named."""
    return "".join(f'<font face="{face}">{escape(part)}</font>' for face, part in runs(text, bold=bold))


def is_chinese(text: str) -> bool:
    """Whether lines may break between characters."""
    return any(face == CHINESE for face, _ in runs(text))
