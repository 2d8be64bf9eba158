"""Records as rows of a table, and the rows of foreign tables as plain values: the rules of export and import."""
