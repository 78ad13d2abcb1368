"""The model: trajectory tokens, the transformer with its LoRA adapters, and its demand and price heads."""
