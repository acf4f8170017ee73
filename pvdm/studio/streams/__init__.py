"""Streams: the clips of many clients, made in batches by one model and sent as they are made."""
