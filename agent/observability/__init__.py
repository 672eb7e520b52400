"""What the operator sees: logs without anything a caller said, and every metric of the system."""
