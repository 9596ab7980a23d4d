"""Read, augment and mix the pairs that networks learn from."""
