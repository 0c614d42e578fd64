"""Which devices and channels exist, and which are online."""
