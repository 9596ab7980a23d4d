"""Read, vary and mix the pairs that networks learn from."""
