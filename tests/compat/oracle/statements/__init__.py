"""The statements of the conformance list, each as a scenario: a module for each area, in the order of the list."""
