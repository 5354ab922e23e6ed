"""What is run, as data: a module per family of tools, each with its `TOOLS`."""
