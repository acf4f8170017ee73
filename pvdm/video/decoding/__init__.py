"""Frames from files: PyAV and decord, packet indices, and what a player would show."""
