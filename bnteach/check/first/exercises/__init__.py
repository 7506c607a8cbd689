"""The checks that are still to be moved."""
