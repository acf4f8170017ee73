"""The demo: trains a small model on real clips, generates videos with it, and shows them on a page."""
