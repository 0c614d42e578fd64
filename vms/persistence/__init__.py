"""Rows: the only package that imports SQLAlchemy."""
