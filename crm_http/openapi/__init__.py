"""The API's description of itself: OpenAPI 3.1, made of what the app is made of."""
