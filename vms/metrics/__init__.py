"""Every metric, its name, unit and help text."""
