"""The commands, by what they are about; `crm_http.cli` puts them together."""
