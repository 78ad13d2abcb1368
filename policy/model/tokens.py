"""Trajectory tokens: what the transformer reads, one token a period.

The token of period t tells what happened in t (price, units and the rest, each with a mask), where the
series stands after t (running statistics), and what is known of period t + 1 (season, promotion,
competitor, cost, stock). The heads at token t answer for period t + 1. Periods without an outcome, be
they gaps, missing columns or the future, are tokens whose outcome is masked.

Everything is causal: token t depends on periods up to t and on what is known beforehand of t + 1. Prices
enter relative to a running mean of log prices and units relative to a running mean of log units, so the
answer does not depend on currency, and on the scale of units only as far as count noise shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from policy.market.paths import PERIODS_PER_YEAR
from policy.market.trajectory import Trajectory

FEATURES = 65
"""Width of a token."""

FAST, MIDDLE, SLOW = 0.7, 0.92, 0.985
"""Decay per period of the running statistics: memories of about 3, 12 and 67 periods."""

START_UNITS = 20.0
"""Assumed level of units before anything was sold; what is known is marked as such."""

PRIOR_ELASTICITY, PRIOR_LIFT = -2.0, 0.3
"""Where the running ridge regression starts."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of B products over T + 1 positions, with the anchors their answers are relative to."""

    features: NDArray[np.float32]
    """Shape (B, T + 1, FEATURES). Position 0 stands before the first period."""
    log_price: NDArray[np.float64]
    """Anchor: running mean of log price after each position, shape (B, T + 1)."""
    log_units: NDArray[np.float64]
    """Anchor: running mean of log(units + 1/2) after each position, shape (B, T + 1)."""
    padding: NDArray[np.bool_]
    """True where a position stands before the product's first period, shape (B, T + 1)."""

    def tail(self, positions: int) -> Tokens:
        """The last `positions` positions; running statistics still carry what came before."""
        return Tokens(
            self.features[:, -positions:],
            self.log_price[:, -positions:],
            self.log_units[:, -positions:],
            self.padding[:, -positions:],
        )


def tokenise(history: Trajectory, *, start_price: NDArray, hidden: NDArray | None = None) -> Tokens:
    """Turn histories into tokens.

    Parameters
    ----------
    history
        B products over T periods. Future periods, if any, are its last ones: their units are NaN; their
        price, promotion, competitor and cost are given where known.
    start_price
        A price to stand for the product before its first sale, in currency, shape (B,).
    hidden
        Periods whose outcome is to be masked though known, shape (B, T); used in training.

    Returns
    -------
    Tokens at T + 1 positions; position i sees periods 0 to i - 1 and speaks for period i.
    """
    b, horizon = history.price.shape
    present = np.isfinite(history.price)
    known = np.isfinite(history.units) & present
    if hidden is not None:
        known &= ~hidden
    anchor = np.log(start_price)[:, None]
    p = np.where(present, np.log(np.where(present, history.price, 1.0)) - anchor, 0.0)
    y = np.where(known, np.log(np.where(known, history.units, 0.0) + 0.5), 0.0)
    u = np.where(known, np.log1p(np.where(known, history.units, 0.0)), 0.0)
    promo, promo_known = _fill(history.promo)
    stats = _running(p, y, promo, known)

    def before(path: NDArray) -> NDArray:  # value at position i - 1, for events of period i - 1
        return path[:, :-1]

    zeros = np.zeros((b, 1))

    def event(values: NDArray, mask: NDArray) -> NDArray:  # of period i - 1, at position i
        return np.concatenate([zeros, np.where(mask, values, 0.0)], axis=1)

    def ahead(values: NDArray, mask: NDArray) -> NDArray:  # of period i, at position i
        return np.concatenate([np.where(mask, values, 0.0), zeros], axis=1)

    level, mean_price = stats["y_middle"], stats["p_middle"]
    units_scale = np.exp(before(level))
    rival, rival_known = _log_relative(history.competitor_price, anchor)
    cost, cost_known = _log_relative(history.cost, anchor)
    stock, stock_known = _fill(history.stock)
    views, views_known = _fill(history.views)
    log_views = np.where(views_known, np.log1p(views), 0.0)
    views_mean = _ratio(_decay(views_known * log_views, MIDDLE), _decay(views_known * 1.0, MIDDLE), 0.0)
    gap = np.concatenate([zeros, np.diff(history.day, axis=1)], axis=1)
    step = np.array([1.0, 7.0, 30.4375])[history.period][:, None]
    preceded = np.concatenate([zeros > 0, present[:, :-1]], axis=1)
    gap = np.where(preceded, np.log(np.clip(gap / step, 0.5, 60.0)), 0.0)
    sold_out = stock_known & known & (np.where(known, history.units, 0.0) >= stock)
    cover = np.log1p(stock / np.maximum(units_scale, 0.5))
    season, season_known = _last_year(y, known, stats["y_slow"], stats["p_slow"], p, history.period)
    weekday, weekday_known = _same_weekday(y, known, before(level), history)
    angle = 2 * np.pi * history.day / 365.25

    columns = [
        # What happened in the period just past.
        event(np.ones_like(p), known),
        event(np.ones_like(p), present),
        event(np.clip(p - before(mean_price), -2, 2) * 2, present),
        event(np.clip(y - before(level), -5, 5), known),
        event(u / 6.0, known),
        event(promo, promo_known & present),
        event(np.ones_like(p), promo_known & present),
        event(np.clip(rival - p, -2, 2) * 2, rival_known & present),
        event(
            np.clip(log_views - np.concatenate([zeros, before(views_mean)], axis=1)[:, :horizon], -3, 3),
            views_known & preceded,
        ),
        event(np.ones_like(p), views_known),
        event(np.minimum(cover, 5.0), stock_known),
        event(np.ones_like(p), sold_out),
        event(gap, present),
        # Where the series stands.
        *_standing(stats),
        # What is known of the period ahead.
        ahead(promo, promo_known & present),
        ahead(np.ones_like(p), promo_known),
        ahead(np.clip(rival - before(mean_price), -2, 2) * 2, rival_known),
        ahead(np.ones_like(p), rival_known),
        ahead(np.clip(cost - before(mean_price), -3, 1.5), cost_known),
        ahead(np.ones_like(p), cost_known),
        ahead(np.minimum(cover, 5.0), stock_known),
        ahead(np.ones_like(p), stock_known),
        *(ahead(f(k * angle), present) for k in (1, 2) for f in (np.sin, np.cos)),
        *(ahead(((history.day + 3) % 7 == d) & (history.period == 0)[:, None], present) for d in range(7)),
        *(ahead(np.broadcast_to((history.period == k)[:, None], p.shape) * 1.0, present) for k in range(3)),
        ahead(gap, present),
        ahead(np.clip(season, -3, 3), season_known),
        ahead(np.ones_like(p), season_known),
        ahead(np.clip(weekday, -3, 3), weekday_known),
        ahead(np.ones_like(p), weekday_known),
        # How price and units went together, by other estimates than the ridge regression's.
        *_second_opinions(p, y, known, stats),
    ]
    first = np.where(present.any(axis=1), present.argmax(axis=1), horizon)
    return Tokens(
        features=np.stack(columns, axis=2).astype(np.float32),
        log_price=mean_price + anchor,
        log_units=level,
        padding=np.arange(horizon + 1) < first[:, None],
    )


def _fill(path: NDArray) -> tuple[NDArray, NDArray]:
    known = np.isfinite(path)
    return np.where(known, path, 0.0), known


def _log_relative(path: NDArray, anchor: NDArray) -> tuple[NDArray, NDArray]:
    known = np.isfinite(path) & (np.where(np.isfinite(path), path, 0.0) > 0)
    return np.where(known, np.log(np.where(known, path, 1.0)) - anchor, 0.0), known


def _decay(path: NDArray, decay: float) -> NDArray:
    """Exponentially decaying sum along time, with a leading zero column: shape (B, T) to (B, T + 1)."""
    sums = lfilter([1.0], [1.0, -decay], path, axis=1)
    return np.concatenate([np.zeros((len(path), 1)), sums], axis=1)


def _ratio(total: NDArray, weight: NDArray, default: float) -> NDArray:
    # The weight of what was seen fades over a long gap, but as long as anything was seen the mean stands.
    seen = weight > 1e-250
    return np.where(seen, total / np.where(seen, weight, 1.0), default)


def _running(p: NDArray, y: NDArray, promo: NDArray, known: NDArray) -> dict[str, NDArray]:
    """Running statistics after each position, shape (B, T + 1) each.

    Beside means of log price and log units over three memories: the ridge regression of log units on log
    price and promotion, solved in closed form at every position (slow memory, ridge 1 toward
    `PRIOR_ELASTICITY` and `PRIOR_LIFT`). The transformer starts from this textbook estimate and learns
    when to doubt it.
    """
    w = known.astype(float)
    out: dict[str, NDArray] = {}
    for name, decay in (("fast", FAST), ("middle", MIDDLE), ("slow", SLOW)):
        weight = _decay(w, decay)
        out[f"n_{name}"] = weight
        out[f"p_{name}"] = _ratio(_decay(w * p, decay), weight, 0.0)
        out[f"y_{name}"] = _ratio(_decay(w * y, decay), weight, float(np.log(START_UNITS)))
    n, mp, my = out["n_slow"], out["p_slow"], out["y_slow"]
    mq = _ratio(_decay(w * promo, SLOW), n, 0.0)

    def moment(a: NDArray, b: NDArray, ma: NDArray, mb: NDArray) -> NDArray:
        return _decay(w * a * b, SLOW) - n * ma * mb

    pp, qq, yy = (np.maximum(moment(a, a, m, m), 0.0) for a, m in ((p, mp), (promo, mq), (y, my)))
    pq, py, qy = moment(p, promo, mp, mq), moment(p, y, mp, my), moment(promo, y, mq, my)
    a11, a22, a12 = pp + 1.0, qq + 1.0, pq
    b1, b2 = py + PRIOR_ELASTICITY, qy + PRIOR_LIFT
    determinant = a11 * a22 - a12**2
    slope = (b1 * a22 - b2 * a12) / determinant
    lift = (b2 * a11 - b1 * a12) / determinant
    residual = yy - 2 * (slope * py + lift * qy) + slope**2 * pp + lift**2 * qq + 2 * slope * lift * pq
    sd = np.sqrt(np.maximum(residual, 0.0) / np.maximum(n, 1.0))
    moved = np.concatenate([np.zeros((len(p), 1)), np.abs(np.diff(p, axis=1)) > 0.02], axis=1)
    out |= {
        "slope": slope,
        "lift": lift,
        "residual_sd": sd,
        "slope_sd": sd * np.sqrt(a22 / determinant),
        "price_sd": np.sqrt(pp / np.maximum(n, 1.0)),
        "promo_mean": mq,
        "moves": _decay(moved * w, SLOW),
    }
    last = _hold(p, known)
    infinite = np.where(known, p, np.inf)
    out["p_last"] = last
    lowest = np.minimum.accumulate(infinite, axis=1)
    highest = np.maximum.accumulate(np.where(known, p, -np.inf), axis=1)
    out["p_low"] = np.concatenate([np.zeros((len(p), 1)), np.where(np.isfinite(lowest), lowest, 0.0)], axis=1)
    out["p_high"] = np.concatenate(
        [np.zeros((len(p), 1)), np.where(np.isfinite(highest), highest, 0.0)], axis=1
    )
    # Half of the recent residual, as a forecaster carries it on.
    out["y_expected"] = my + slope * (out["p_fast"] - mp)
    return out


def _second_opinions(p: NDArray, y: NDArray, known: NDArray, s: dict[str, NDArray]) -> list[NDArray]:
    """Features by which to judge the ridge regression, shape (B, T + 1) each.

    The regression once more with little shrinkage, and with a short memory; the regression of changes on
    changes, which a drifting level does not mislead; and the answer of price to the units sold *before*,
    which betrays a seller who prices by demand and so a regression not to be believed.
    """
    w = known.astype(float)
    out: list[NDArray] = []
    for memory, decay, ridge in (("slow", SLOW, 0.05), ("middle", MIDDLE, 0.2)):
        n, mp, my = s[f"n_{memory}"], s[f"p_{memory}"], s[f"y_{memory}"]
        pp = np.maximum(_decay(w * p * p, decay) - n * mp * mp, 0.0)
        py = _decay(w * p * y, decay) - n * mp * my
        out += [(py + ridge * PRIOR_ELASTICITY) / (pp + ridge), np.log(pp + 0.01)]
    both = np.zeros_like(w)
    both[:, 1:] = w[:, 1:] * w[:, :-1]
    dp, dy = np.diff(p, axis=1, prepend=0.0) * both, np.diff(y, axis=1, prepend=0.0) * both
    squares = _decay(dp * dp, SLOW)
    out += [(_decay(dp * dy, SLOW) + 0.1 * PRIOR_ELASTICITY) / (squares + 0.1), np.log(squares + 0.01)]
    before = np.concatenate([np.zeros((len(y), 1)), y[:, :-1]], axis=1) * both
    centre_p, centre_y = s["p_slow"][:, :-1], s["y_slow"][:, :-1]
    lagged = _decay(both * (p - centre_p) * (before - centre_y), SLOW)
    spread = _decay(both * (before - centre_y) ** 2, SLOW)
    out.append(lagged / (spread + 0.1))
    scales = (1 / 3, 1.0, 1 / 3, 1.0, 1 / 3, 1.0, 3.0)
    return [np.clip(scale * path, -4.0, 4.0) for scale, path in zip(scales, out, strict=True)]


def _hold(path: NDArray, known: NDArray) -> NDArray:
    """Last known value after each position (0 before any), shape (B, T) to (B, T + 1)."""
    index = np.maximum.accumulate(np.where(known, np.arange(path.shape[1]), -1), axis=1)
    held = np.where(index >= 0, np.take_along_axis(path, np.maximum(index, 0), axis=1), 0.0)
    return np.concatenate([np.zeros((len(path), 1)), held], axis=1)


def _standing(s: dict[str, NDArray]) -> list[NDArray]:
    """Features of where the series stands after each position."""
    return [
        np.clip(s["p_fast"] - s["p_middle"], -2, 2) * 2,
        np.clip(s["p_slow"] - s["p_middle"], -2, 2) * 2,
        np.clip(s["p_last"] - s["p_middle"], -2, 2) * 2,
        np.clip(s["p_low"] - s["p_middle"], -2, 0) * 2,
        np.clip(s["p_high"] - s["p_middle"], 0, 2) * 2,
        np.clip(s["y_fast"] - s["y_middle"], -3, 3),
        np.clip(s["y_slow"] - s["y_middle"], -3, 3),
        np.clip(s["y_fast"] - s["y_expected"], -3, 3),
        s["y_middle"] / 6.0,
        np.log1p(s["n_fast"]),
        np.log1p(s["n_slow"]) / 2.0,
        s["slope"] / 3.0,
        s["lift"],
        np.log(s["residual_sd"] + 0.02),
        np.log(s["slope_sd"] + 0.02),
        np.log(s["price_sd"] + 0.01),
        s["promo_mean"],
        np.log1p(s["moves"]) / 2.0,
    ]


def _last_year(
    y: NDArray, known: NDArray, level: NDArray, price: NDArray, p: NDArray, period: NDArray
) -> tuple[NDArray, NDArray]:
    """Log units a year before each period against the level then, price-corrected and smoothed over
    neighbouring periods, shape (B, T), and where it is known."""
    b, horizon = y.shape
    detrended = np.where(known, y - level[:, 1:] - PRIOR_ELASTICITY * (p - price[:, 1:]), 0.0)
    total, count = np.zeros((b, horizon)), np.zeros((b, horizon))
    for kind, (lag, width) in enumerate(zip(np.round(PERIODS_PER_YEAR).astype(int), (3, 1, 0), strict=True)):
        rows = np.flatnonzero(period == kind)
        for shift in range(lag - width, lag + width + 1):
            if shift < horizon and len(rows):
                total[rows, shift:] += detrended[rows, : horizon - shift]
                count[rows, shift:] += known[rows, : horizon - shift]
    return total / np.maximum(count, 1.0), count > 0


def _same_weekday(y: NDArray, known: NDArray, level: NDArray, history: Trajectory) -> tuple[NDArray, NDArray]:
    """Daily data: mean of log units against the level on the same weekday so far, shape (B, T)."""
    b, horizon = y.shape
    daily = (history.period == 0)[:, None] & np.ones((1, horizon), dtype=bool)
    if not daily.any():
        return np.zeros((b, horizon)), np.zeros((b, horizon), dtype=bool)
    total, count = np.zeros((b, horizon)), np.zeros((b, horizon))
    for d in range(7):
        on = history.day % 7 == d
        use = on & known & daily
        sums = _decay(use * (y - level), SLOW)[:, :-1]
        counts = _decay(use * 1.0, SLOW)[:, :-1]
        total += np.where(on, sums, 0.0)
        count += np.where(on, counts, 0.0)
    return total / (count + 1.0), daily & (count > 0.5)
