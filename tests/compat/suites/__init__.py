"""Suites that others wrote, run whole against a broker process: a module per ecosystem, and what they share."""
