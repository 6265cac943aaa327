"""The service against its database's own limit: `make bench`, or `python -m bench --help`."""
