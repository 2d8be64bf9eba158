"""Archives: everything that a database keeps, as a directory of files that another database takes in."""
