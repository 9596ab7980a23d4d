"""Find how the infrared camera lies on the visible one, from what both recorded."""
