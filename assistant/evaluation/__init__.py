"""How well the assistant answers: a question set of its own, scored without a judge."""
