"""Circulars: what a month was like, frozen, as a workbook and as a document to print."""
