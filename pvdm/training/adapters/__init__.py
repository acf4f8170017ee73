"""Training of low-rank adapters."""
