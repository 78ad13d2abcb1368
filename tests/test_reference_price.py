"""The earlier price that a cut may be shown against, day by day and to the last per cent."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.decision.reference_price import WINDOW_DAYS, PriceSpan, reference_price

START = dt.date(2026, 11, 27)
"""Black Friday; the 30 days before it begin on 28 October."""


def before(days: int) -> dt.date:
    return START - dt.timedelta(days=days)


def spans(*steps: tuple[int, float], sold: bool | None = True) -> list[PriceSpan]:
    """Prices by how many days before the start each begins to hold, the earliest first, up to the start."""
    ends = [days for days, _ in steps[1:]] + [0]
    return [
        PriceSpan(first=before(days), last=before(end + 1), price=price, sold=sold)
        for (days, price), end in zip(steps, ends, strict=True)
    ]


# The EU's 30 days


def test_the_lowest_price_of_thirty_days_is_the_reference() -> None:
    # The question of C-330/23: raised before the cut, the cut is measured on the lower price before.
    found = reference_price(
        spans((90, 89.0), (20, 99.0)), start=START, profile="eu", planned_price=79.0, was_price=99.0
    )
    assert found.reference_price == 89.0
    assert found.discount == pytest.approx(10 / 89)
    assert found.whole_percent == 11, "11.2 per cent, and never rounded up"
    assert found.blocked == "was_too_high"
    assert (found.window_first, found.window_last) == (dt.date(2026, 10, 28), dt.date(2026, 11, 26))
    assert [span.price for span in found.used] == [89.0, 99.0]
    allowed = reference_price(
        spans((90, 89.0), (20, 99.0)), start=START, profile="eu", planned_price=79.0, was_price=89.0
    )
    assert allowed.blocked is None


@pytest.mark.parametrize(
    ("low_from", "low_to", "reference"),
    [
        (31, 30, 80.0),  # its last day is the first of the window
        (32, 31, 99.0),  # it ended the day before
        (1, 0, 80.0),  # only on the eve
        (30, 29, 80.0),
    ],
)
def test_a_price_counts_on_the_days_on_which_it_held(low_from: int, low_to: int, reference: float) -> None:
    steps = [(60, 99.0), (low_from, 80.0)] + ([(low_to - 1, 99.0)] if low_to else [])
    assert reference_price(spans(*steps), start=START, profile="eu").reference_price == reference


def test_the_cut_price_itself_is_not_among_the_earlier_ones() -> None:
    cut = PriceSpan(first=START, last=START, price=50.0)
    found = reference_price([*spans((40, 99.0)), cut], start=START, profile="eu", planned_price=50.0)
    assert found.reference_price == 99.0


def test_one_unknown_day_blocks_the_claim() -> None:
    # Whatever the other days say, the lowest price may have been on it.
    known = [
        PriceSpan(first=before(60), last=before(12), price=99.0),
        PriceSpan(first=before(10), last=before(1), price=99.0),
    ]
    found = reference_price(known, start=START, profile="eu", planned_price=79.0)
    assert (found.blocked, found.gaps) == ("unknown_history", ((before(11), before(11)),))
    assert found.reference_price is None and found.discount is None and found.whole_percent is None
    new = reference_price(spans((29, 99.0)), start=START, profile="eu", planned_price=79.0)
    assert new.gaps == ((before(30), before(30)),)
    assert reference_price([], start=START, profile="eu").gaps == ((before(30), before(1)),)


def test_no_percentage_without_a_cut() -> None:
    for planned in (99.0, 120.0):
        found = reference_price(spans((40, 99.0)), start=START, profile="eu", planned_price=planned)
        assert (found.blocked, found.discount, found.reference_price) == ("no_reduction", None, 99.0)


def test_a_sale_that_goes_further_step_by_step_keeps_its_first_reference() -> None:
    # 100, then 90 from day 20 on, 80 from day 10 on, and now 70: measured on 100, not on 80.
    steps = spans((70, 100.0), (20, 90.0), (10, 80.0))
    alone = reference_price(steps, start=START, profile="eu", planned_price=70.0)
    assert alone.reference_price == 80.0
    further = reference_price(steps, start=START, profile="eu", planned_price=70.0, cut_since=before(20))
    assert (further.reference_price, further.whole_percent) == (100.0, 30)
    assert further.notes == ("progressive_cut",)
    assert further.window_last == before(21)


@pytest.mark.parametrize(
    "steps",
    [
        [(70, 100.0), (20, 90.0), (10, 95.0)],  # up again in between
        [(70, 100.0), (20, 90.0), (15, 100.0), (10, 80.0)],
        [(70, 100.0), (25, 90.0), (10, 80.0)],  # it did not begin when they say
        [(70, 80.0), (20, 100.0), (10, 90.0)],  # it began with a rise
    ],
)
def test_a_sale_with_a_break_is_a_new_cut(steps: list[tuple[int, float]]) -> None:
    found = reference_price(
        spans(*steps), start=START, profile="eu", planned_price=70.0, cut_since=before(20)
    )
    assert found.notes == ("not_progressive",)
    assert found.reference_price == min(span.price for span in found.used)
    assert found.window_last == before(1)


def test_a_sale_that_would_rise_now_is_a_new_cut() -> None:
    steps = spans((70, 100.0), (20, 80.0))
    found = reference_price(steps, start=START, profile="eu", planned_price=90.0, cut_since=before(20))
    assert (found.notes, found.blocked) == (("not_progressive",), "no_reduction")


# China's 7 days


def test_in_china_the_lowest_deal_of_seven_days_counts() -> None:
    steps = spans((90, 80.0), (8, 99.0), (3, 95.0))
    found = reference_price(steps, start=START, profile="china", planned_price=79.0)
    assert found.reference_price == 95.0
    assert (found.window_first, found.window_last) == (before(7), before(1))


def test_a_price_at_which_nothing_was_sold_is_no_deal() -> None:
    steps = spans((20, 99.0), (5, 60.0), (3, 95.0))
    unsold = [steps[0], PriceSpan(first=before(5), last=before(4), price=60.0, sold=False), steps[2]]
    found = reference_price(unsold, start=START, profile="china")
    assert found.reference_price == 95.0
    unknown = [steps[0], PriceSpan(first=before(5), last=before(4), price=60.0, sold=None), steps[2]]
    assert reference_price(unknown, start=START, profile="china").reference_price == 60.0
    assert reference_price(unsold, start=START, profile="eu").gaps != (), "20 days are not 30"


def test_without_a_deal_in_seven_days_the_last_one_before_counts() -> None:
    quiet = [
        PriceSpan(first=before(40), last=before(21), price=88.0, sold=True),
        PriceSpan(first=before(20), last=before(1), price=99.0, sold=False),
    ]
    found = reference_price(quiet, start=START, profile="china", planned_price=80.0)
    assert (found.reference_price, found.notes, found.blocked) == (88.0, ("last_deal",), None)
    gap = [quiet[0], PriceSpan(first=before(18), last=before(1), price=99.0, sold=False)]
    found = reference_price(gap, start=START, profile="china")
    assert (found.blocked, found.gaps) == ("unknown_history", ((before(20), before(19)),))
    never = reference_price(quiet[1:], start=START, profile="china")
    assert never.blocked == "unknown_history"


def test_in_china_a_running_promotion_is_measured_before_it_began() -> None:
    steps = spans((40, 100.0), (10, 80.0))
    found = reference_price(steps, start=START, profile="china", planned_price=70.0, cut_since=before(10))
    assert (found.reference_price, found.whole_percent) == (100.0, 30)


# Both


def test_a_price_that_is_only_assumed_is_said_to_be() -> None:
    known = PriceSpan(first=before(60), last=before(6), price=99.0)
    ahead = PriceSpan(first=before(5), last=before(1), price=99.0, assumed=True)
    found = reference_price([known, ahead], start=START, profile="eu", planned_price=79.0)
    assert (found.blocked, found.notes) == (None, ("assumed_unchanged",))
    past = reference_price([known, ahead], start=before(5), profile="eu", planned_price=79.0)
    assert past.notes == ()


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 60), st.integers(50, 150)), min_size=1, unique_by=lambda it: it[0]
    ),
    planned=st.integers(10, 149),
    profile=st.sampled_from(["eu", "china"]),
)
def test_no_shown_percentage_exceeds_the_cut_from_any_price_of_the_window(
    steps: list[tuple[int, int]], planned: int, profile: str
) -> None:
    history = spans((100, 150.0), *sorted(((d, float(p)) for d, p in steps), reverse=True))
    found = reference_price(history, start=START, profile=profile, planned_price=float(planned))  # type: ignore[arg-type]
    daily = {
        before(d): next(s.price for s in history if s.first <= before(d) <= s.last)
        for d in range(1, WINDOW_DAYS[profile] + 1)  # type: ignore[index]
    }
    assert found.reference_price == min(daily.values())
    if found.whole_percent is not None:
        assert all(planned <= price * (1 - found.whole_percent / 100) + 1e-9 for price in daily.values())


def test_what_cannot_be_asked_says_why() -> None:
    for wrong, said in (
        ({"planned_price": 0.0}, "planned_price"),
        ({"was_price": -1.0}, "was_price"),
        ({"cut_since": START + dt.timedelta(days=1)}, "cut_since"),
        ({"profile": "mars"}, "profile"),
    ):
        with pytest.raises(ValueError, match=said):
            reference_price(spans((40, 9.0)), **({"start": START, "profile": "eu"} | wrong))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="overlap"):
        reference_price([*spans((40, 9.0)), *spans((10, 8.0))], start=START, profile="eu")


def test_a_check_is_plain_json() -> None:
    found = reference_price(spans((40, 80.0)), start=START, profile="eu", planned_price=60.0)
    kept = json.loads(json.dumps(found.to_dict()))
    assert kept["window_first"] == "2026-10-28" and kept["used"][0]["last"] == "2026-11-26"
