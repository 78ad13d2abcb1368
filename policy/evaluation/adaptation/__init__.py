"""Ways to adapt to a store, compared on simulated stores whose demand is known."""
