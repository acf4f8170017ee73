"""The machine a computation runs on: device precision, compilation, recomputation, processes, signals."""
