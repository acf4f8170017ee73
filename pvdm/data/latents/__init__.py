"""Latents of a data set on disk, and samples of them."""
