"""The side flows of a call, one module each; all pure, reached from every state by ``flow.py``."""
