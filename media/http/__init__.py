"""HTTP as far as media needs it: viewers ask once, and take bytes until they leave."""
