"""The CRM over HTTP: a thin Litestar app, its settings and its command line."""
