"""Forms in which pictures leave."""
