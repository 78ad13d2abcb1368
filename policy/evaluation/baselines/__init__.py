"""The baselines: rules of thumb, learning by linear regression, bandits on a price grid, Bayes references."""

from policy.evaluation.baselines.bayes import GaussianBayes, GaussianPrior
from policy.evaluation.baselines.dispersion import CILS, CVP, MLECycle
from policy.evaluation.baselines.fixed import CostPlus, KeepPrice, MatchCompetitor
from policy.evaluation.baselines.grid import UCB1, BayesUCB
from policy.evaluation.baselines.linear import ILSE, PUBLISHED, InflatedThompson, LinearModel, LinearThompson
from policy.evaluation.baselines.meta import MetaDP, estimate_prior, prior_from_simulated_logs
from policy.evaluation.baselines.particles import ParticleBayes, UniformPrior

__all__ = [
    "CILS",
    "CVP",
    "ILSE",
    "PUBLISHED",
    "UCB1",
    "BayesUCB",
    "CostPlus",
    "GaussianBayes",
    "GaussianPrior",
    "InflatedThompson",
    "KeepPrice",
    "LinearModel",
    "LinearThompson",
    "MLECycle",
    "MatchCompetitor",
    "MetaDP",
    "ParticleBayes",
    "UniformPrior",
    "estimate_prior",
    "prior_from_simulated_logs",
]
