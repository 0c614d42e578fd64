"""What elementary streams say about themselves."""
