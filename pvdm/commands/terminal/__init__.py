"""What the commands share: options, input videos and progress bars."""
