"""How the policy would have done on a store's own past: forecasts, off-policy estimates, simulated replay.

Only the forecasts are measured against what happened. The off-policy estimates are observational, not an
experiment; the replay is simulated, in markets that the policy itself believes in.
"""
