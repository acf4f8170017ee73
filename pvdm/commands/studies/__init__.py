"""The parts of the commands that ask people: served pages, where samples come from, and selections compared."""
