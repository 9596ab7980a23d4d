"""Play a recording through the node, score what it answers and report it."""
