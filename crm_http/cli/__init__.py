"""The commands by subject; `crm_http.cli.main` combines them."""
