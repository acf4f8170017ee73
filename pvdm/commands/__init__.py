"""One module for each command of ours: `add_arguments(parser)` and `run(options)`."""
