"""How close each solver comes to the end of the probability flow in few steps, see docs/solvers.md."""
