"""Readers of bank statements, one for each format, all of the same shape of lines."""
