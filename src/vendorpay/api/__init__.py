"""The HTTP edge: parse, one use case, render; every route is a row of operations/."""
