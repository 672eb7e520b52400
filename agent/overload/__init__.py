"""``kural-overload``: answers when every worker is full. No ears: recorded sentences and keys."""
