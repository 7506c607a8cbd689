"""What one lesson tries: a room for each, with no doors between them."""
