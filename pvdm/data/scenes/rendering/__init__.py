"""Casts rays into a world: solids and their surfaces, light and shadow, sky and ground."""
