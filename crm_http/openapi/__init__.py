"""The OpenAPI 3.1 document, derived from the endpoints, and the page that displays it."""
