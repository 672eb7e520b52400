"""Real servers on this machine, for tests and for measuring: nothing a call needs."""
