"""Learning on one store's own history: markets like the store's, drawn from the policy's posterior."""
