"""The page that shows the API's description, and what it loads."""
