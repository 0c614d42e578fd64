"""The tables of MANSCDP, one module a family: reading and writing in the same rows."""
