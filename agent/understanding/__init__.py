"""Words to meaning: places, categories, intents and the values of every question, by rules."""
