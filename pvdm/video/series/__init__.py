"""Image series: NumPy arrays and TIFF stacks of 8 or more bits as videos, whose values are kept."""
