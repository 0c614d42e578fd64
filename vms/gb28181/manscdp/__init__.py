"""MANSCDP, the XML command language of GB/T 28181 (annex A)."""
