"""The retail calendar against published days and against the sky."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from assistant.embedded.retail_calendar import (
    EVENTS,
    FRIDAY,
    MONDAY,
    SUNDAY,
    easter_sunday,
    event_days,
    nth_weekday,
)

YEARS = range(2010, 2051)
NEW_MOON = datetime(2000, 1, 6, 14, 20)  # a mean one
SYNODIC_MONTH = 29.530588  # days, the mean


def first_day(event: str, year: int) -> date:
    days = event_days(event, year)
    assert days is not None
    return days[0]


@pytest.mark.parametrize(
    ("year", "day"),
    [(2000, "04-23"), (2008, "03-23"), (2011, "04-24"), (2024, "03-31"), (2025, "04-20"), (2038, "04-25")],
)
def test_easter_is_when_it_was_kept(year: int, day: str) -> None:
    assert easter_sunday(year) == date.fromisoformat(f"{year}-{day}")


@pytest.mark.parametrize(
    ("event", "day"),
    [
        ("black_friday", "2026-11-27"),
        ("black_friday", "2024-11-29"),
        ("cyber_monday", "2026-11-30"),
        ("mothers_day", "2026-05-10"),
        ("fathers_day", "2026-06-21"),
        ("memorial_day", "2026-05-25"),
        ("labor_day", "2026-09-07"),
        ("spring_festival", "2026-02-16"),
        ("dragon_boat", "2025-05-31"),
        ("qixi", "2026-08-19"),
        ("mid_autumn", "2026-09-25"),
        ("qingming", "2026-04-05"),
        ("qingming", "2024-04-04"),
        ("winter", "2026-12-01"),
    ],
)
def test_an_event_is_on_its_published_day(event: str, day: str) -> None:
    assert first_day(event, int(day[:4])) == date.fromisoformat(day)


def phase(day: date) -> float:
    """Age of the moon at noon in China, in days."""
    noon = datetime(day.year, day.month, day.day, 4)
    return (noon - NEW_MOON).total_seconds() / 86_400 % SYNODIC_MONTH


@pytest.mark.parametrize("year", YEARS)
def test_lunar_days_are_told_by_the_moon(year: int) -> None:
    # The first of a month is the day of the new moon, and the fifteenth is near the full; the true moon is
    # at most 0.6 days from the mean one, and a day reaches half a day from noon.
    for event, number, offset in (
        ("new_years_eve_china", 1, 1),
        ("dragon_boat", 5, 0),
        ("qixi", 7, 0),
        ("mid_autumn", 15, 0),
        ("double_ninth", 9, 0),
    ):
        age = (phase(first_day(event, year)) + offset - (number - 1) + SYNODIC_MONTH / 2) % SYNODIC_MONTH
        assert abs(age - SYNODIC_MONTH / 2) < 1.2, event


@pytest.mark.parametrize("year", YEARS)
def test_every_event_falls_in_its_year_in_order(year: int) -> None:
    for event in EVENTS:
        days = event_days(event, year)
        assert days is not None
        assert days[0] <= days[1] and days[0].year == year
    assert first_day("good_friday", year).weekday() == FRIDAY
    assert first_day("cyber_monday", year).weekday() == MONDAY
    festivals = [first_day(e, year) for e in ("spring_festival", "dragon_boat", "qixi", "mid_autumn")]
    assert festivals == sorted(festivals)


def test_without_a_table_there_is_no_lunar_day() -> None:
    assert event_days("mid_autumn", 2051) is None
    with pytest.raises(KeyError):
        event_days("festivus", 2026)


def test_the_last_weekday_of_a_month_is_the_last() -> None:
    assert nth_weekday(2026, 5, MONDAY, -1) == date(2026, 5, 25)
    assert nth_weekday(2026, 12, SUNDAY, -1) == date(2026, 12, 27)
