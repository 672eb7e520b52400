"""How many calls this machine carries, and how full it is."""
