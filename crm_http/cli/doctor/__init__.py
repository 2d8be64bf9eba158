"""`crm doctor`: checks of all that a server stands on."""
