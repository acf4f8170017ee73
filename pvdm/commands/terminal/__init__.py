"""Options and progress bars that the commands share."""
