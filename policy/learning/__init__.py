"""Learning: batches from the prior, supervised pretraining, and (later) reinforcement learning."""
