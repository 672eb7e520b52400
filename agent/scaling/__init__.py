"""How many machines the line needs, and what they cost."""
