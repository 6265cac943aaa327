"""The service on AWS: thin entry points of Lambda functions over the same tables, use cases and SQL as everywhere."""
