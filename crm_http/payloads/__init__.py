"""What requests and responses hold: shapes, and examples. It is data alone, for the OpenAPI document."""
