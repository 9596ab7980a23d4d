"""Keep what made the weights of version 0.1.0: its configs, and the tools that only they need."""
