"""The domain of the CRM: what records are, what may be done with them, and who may do it. It depends on attrs alone."""
