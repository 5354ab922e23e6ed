"""One module per language: which of its clients the matrix has, and how they are installed."""
