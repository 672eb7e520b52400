"""How many utterances the ears carry on this machine, beside the ways that were not taken."""
