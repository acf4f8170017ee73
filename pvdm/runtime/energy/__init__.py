"""What a computation takes in electricity, by counters of the hardware or an estimate, and the CO2 of that."""
