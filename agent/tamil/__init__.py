"""The Tamil language itself: clean text, words, sounds, endings, numbers, spelling. No I/O."""
