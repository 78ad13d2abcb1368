"""Evaluation: baselines, metrics and the benchmark on simulated markets."""
