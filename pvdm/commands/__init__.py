"""One module for each of our commands: `add_arguments(parser)` and `run(options)`."""
