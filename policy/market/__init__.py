"""Simulated markets: demand families, the prior over them, the batched simulator and its environments."""

from policy.market.demand import FAMILIES, DemandCurves
from policy.market.logged import LOGGING_POLICIES, LoggingPolicies, simulate_log
from policy.market.prior import Markets, Prior
from policy.market.simulator import Observation, Simulator
from policy.market.tabulated import TabulatedDemand
from policy.market.trajectory import Trajectory

__all__ = [
    "FAMILIES",
    "LOGGING_POLICIES",
    "DemandCurves",
    "LoggingPolicies",
    "Markets",
    "Observation",
    "Prior",
    "Simulator",
    "TabulatedDemand",
    "Trajectory",
    "simulate_log",
]
