"""What there is: records, users and what they may do, events, files, and how clients see them."""
