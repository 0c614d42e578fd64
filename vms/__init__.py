"""The application: what this server knows and does."""
