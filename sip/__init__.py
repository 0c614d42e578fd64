"""RFC 3261 with the standard library only."""
