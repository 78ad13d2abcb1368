"""Decisions: the price that is best under the posterior, within a merchant's rules, with its reasons."""
