"""A worker seen from outside: the ears and the voice beside it, health, load and drain."""
