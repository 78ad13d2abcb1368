"""Published protocols: other papers' environments, played by the policies that play ours."""
