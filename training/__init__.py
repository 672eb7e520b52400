"""How the bundled demo speech model is made; never imported by the agent package."""
