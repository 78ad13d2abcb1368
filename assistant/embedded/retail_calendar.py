"""The days that retail plans around, in any year: fixed, by rule of the calendar, or by the moon."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

Stretch = tuple[date, date]
"""First and last day, both included."""

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)


def event_days(event: str, year: int) -> Stretch | None:
    """The days of an event that begins in a year; None where its moon is not tabulated (2010 to 2050).

    A holiday of several days is the whole of it: Easter from Good Friday to Easter Monday, China's Spring
    Festival eight days from New Year's Eve, its National Day seven and its Labour Day five. Mother's Day is
    the second Sunday in May (the United Kingdom keeps another), Father's Day the third in June; seasons
    are the northern hemisphere's, by whole months.

    Raises
    ------
    KeyError
        Names an event that the calendar does not have.
    """
    if event in _DAYS:
        month, day, length = _DAYS[event]
        return _lasting(date(year, month, day), length)
    if event in _MONTHS:
        month, length = _MONTHS[event]
        after = date(year + (month + length > 12), (month + length - 1) % 12 + 1, 1)
        return date(year, month, 1), after - timedelta(days=1)
    if event in _RULES:
        rule, offset, length = _RULES[event]
        return _lasting(rule(year) + timedelta(days=offset), length)
    festival, offset, length = _MOONS[event]
    first = _festivals().get((festival, year))
    return None if first is None else _lasting(first + timedelta(days=offset), length)


def easter_sunday(year: int) -> date:
    """Easter of the Gregorian calendar (Meeus, Jones and Butcher's rule)."""
    golden, century = year % 19, year // 100
    leaps = century - century // 4 - (8 * century + 13) // 25
    epact = (19 * golden + leaps + 15) % 30
    moon = epact - (epact // 28) * (1 - (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - century + century // 4) % 7
    days = moon - weekday + 28
    return date(year, 3, 1) + timedelta(days=days - 1)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The n-th such weekday of a month, n from 1; -1 is the last."""
    if nth > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def _lasting(first: date, days: int) -> Stretch:
    return first, first + timedelta(days=days - 1)


def _thanksgiving(year: int) -> date:
    return nth_weekday(year, 11, THURSDAY, 4)


def _clear_and_bright(year: int) -> date:
    """Qingming, when the sun reaches 15 degrees: 4 or 5 April (2000 to 2099)."""
    since = year - 2000
    return date(year, 4, int(since * 0.2422 + 4.81) - since // 4)


_DAYS: Mapping[str, tuple[int, int, int]] = {
    "new_year": (1, 1, 1),
    "valentines_day": (2, 14, 1),
    "womens_day": (3, 8, 1),
    "labour_day_china": (5, 1, 5),
    "day_520": (5, 20, 1),
    "childrens_day": (6, 1, 1),
    "festival_618": (6, 18, 1),
    "independence_day": (7, 4, 1),
    "back_to_school": (8, 1, 37),
    "teachers_day": (9, 10, 1),
    "national_day_china": (10, 1, 7),
    "halloween": (10, 31, 1),
    "singles_day": (11, 11, 1),
    "double_twelve": (12, 12, 1),
    "christmas_eve": (12, 24, 1),
    "christmas": (12, 25, 1),
    "boxing_day": (12, 26, 1),
    "new_years_eve": (12, 31, 1),
}
"""Month, day, and how many days."""

_MONTHS: Mapping[str, tuple[int, int]] = {
    "spring": (3, 3),
    "summer": (6, 3),
    "autumn": (9, 3),
    "winter": (12, 3),
}
"""First month, and how many months."""

_RULES: Mapping[str, tuple[Callable[[int], date], int, int]] = {
    "qingming": (_clear_and_bright, 0, 1),
    "good_friday": (easter_sunday, -2, 1),
    "easter": (easter_sunday, -2, 4),
    "easter_sunday": (easter_sunday, 0, 1),
    "easter_monday": (easter_sunday, 1, 1),
    "mothers_day": (lambda year: nth_weekday(year, 5, SUNDAY, 2), 0, 1),
    "memorial_day": (lambda year: nth_weekday(year, 5, MONDAY, -1), 0, 1),
    "fathers_day": (lambda year: nth_weekday(year, 6, SUNDAY, 3), 0, 1),
    "labor_day": (lambda year: nth_weekday(year, 9, MONDAY, 1), 0, 1),
    "thanksgiving": (_thanksgiving, 0, 1),
    "thanksgiving_weekend": (_thanksgiving, 0, 4),
    "black_friday": (_thanksgiving, 1, 1),
    "black_friday_weekend": (_thanksgiving, 1, 4),
    "cyber_monday": (_thanksgiving, 4, 1),
    "cyber_week": (_thanksgiving, 4, 7),
}
"""The day that a rule gives, days from there to the first, and how many days."""

_MOONS: Mapping[str, tuple[str, int, int]] = {
    "new_years_eve_china": ("spring_festival", -1, 1),
    "spring_festival": ("spring_festival", -1, 8),
    "lantern_festival": ("spring_festival", 14, 1),
    "dragon_boat": ("dragon_boat", 0, 1),
    "qixi": ("qixi", 0, 1),
    "mid_autumn": ("mid_autumn", 0, 1),
    "double_ninth": ("double_ninth", 0, 1),
}
"""The tabulated day, days from there to the first, and how many days."""

EVENTS = frozenset({*_DAYS, *_MONTHS, *_RULES, *_MOONS})


@cache
def _festivals() -> Mapping[tuple[str, int], date]:
    """Days of the Chinese lunisolar calendar by festival and year; two published tables agree on them."""
    lines = (files("assistant.embedded") / "lunar_festivals.csv").read_text(encoding="utf-8").splitlines()
    return {
        (festival, date.fromisoformat(day).year): date.fromisoformat(day)
        for row in csv.DictReader(lines)
        for festival, day in row.items()
    }
