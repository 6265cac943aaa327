"""One file per business verb; `ls` is the list of features."""
