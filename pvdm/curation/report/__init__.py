"""The report of a catalogue: what each score means, and what a threshold would leave."""
