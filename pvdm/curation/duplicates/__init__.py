"""Clips that show the same: perceptual hashes and their search."""
