"""Real loads on this machine, for measuring and trying out: nothing a call needs."""
