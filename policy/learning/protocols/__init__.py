"""Published protocols as tasks to learn: the product's network and learners on other papers' markets.

A protocol's markets are simpler than a shop's, and what there is to know of them fits a few running
statistics, so each has tokens of its own. Network, decision pretraining and PPO are the product's.
"""
