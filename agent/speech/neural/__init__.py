"""Neural voices from a checkpoint folder: loaded by the voice process only, needs extra `voice`."""
