"""The grammar of ``multipart/form-data``: parts, their headers and their encoding. It is independent of requests."""
