"""The files of a catalogue."""
