"""Meaning -> the next thing to say: the pure flow, and LiveKit as its shell."""
