"""Reads XLSX workbooks as a stream: memory does not grow with their rows (decision 90)."""
