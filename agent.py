"""Entry script for LiveKit's own commands: ``python agent.py console | start | dev``."""

from agent.worker import main

if __name__ == "__main__":
    main()
