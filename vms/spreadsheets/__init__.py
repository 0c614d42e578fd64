"""Spreadsheets: what is on file goes out as xlsx or csv, and comes back mended."""
