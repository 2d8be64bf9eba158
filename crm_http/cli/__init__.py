"""The commands, by what they are about; `crm_http.cli.main` puts them together."""
