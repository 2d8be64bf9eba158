"""The commands by subject; `crm_http.cli.main` lists them and imports those that are named."""
