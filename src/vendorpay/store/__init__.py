"""The only SQL: named queries and thin functions that take a connection and lists."""
