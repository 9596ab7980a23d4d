"""The training loop: state, step, journal."""
