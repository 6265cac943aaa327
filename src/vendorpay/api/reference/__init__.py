"""The page at /docs: the OpenAPI document for people. Nothing here is imported before somebody asks for it."""
