"""The layouts of data sets: each a function from a folder to the videos of its splits."""
