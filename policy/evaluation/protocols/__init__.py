"""Published protocols, re-run as their papers describe them."""
