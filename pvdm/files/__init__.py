"""Atomic writing, safe loading of pickles, and published weights identified by digest."""
