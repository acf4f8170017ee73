"""Low-rank adapters: small changes of a denoiser, trained and stored without it."""
