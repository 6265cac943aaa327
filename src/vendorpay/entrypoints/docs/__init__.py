"""The generated pages of docs/: made from the code and the schema, and checked for staleness by `make check`."""
