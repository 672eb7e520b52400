"""Sound <-> words: the ears, the voice, and the link between them and the calls."""
