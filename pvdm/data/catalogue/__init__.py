"""The catalogue of curated clips: its table, the expressions that select from it, and the presets."""
