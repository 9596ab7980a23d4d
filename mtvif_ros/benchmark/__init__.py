"""Time model files on this machine, and measure how well pairing and the search for clock offsets work."""
