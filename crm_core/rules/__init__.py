"""What holds: pure rules, which say what they must know by the needs that they yield."""
