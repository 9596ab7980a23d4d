"""What made the weights of version 0.1.0: the configs, and the tools that only they need."""
