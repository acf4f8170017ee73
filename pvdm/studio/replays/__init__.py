"""What makes clips of a stream again, bit for bit: described in a JSON file, and rendered."""
