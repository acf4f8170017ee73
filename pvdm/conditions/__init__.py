"""What turns a user's input, such as given frames, into parts of a condition."""
