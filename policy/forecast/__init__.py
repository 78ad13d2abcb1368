"""Forecasts of units at given prices on real sales: what is forecast, how it is scored, what to beat."""
