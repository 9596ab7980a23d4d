"""The training loop: its state, its steps and their optimiser, on one device or several, and validation."""
