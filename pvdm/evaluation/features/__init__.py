"""Frozen networks that turn clips into feature rows."""
