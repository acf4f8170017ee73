"""Callbacks of training: averaged weights, logs, early stopping, evaluation."""
