"""Business rules: pure generators that yield the data they need."""
