"""The commands under ``kural tickets``, a module each."""
