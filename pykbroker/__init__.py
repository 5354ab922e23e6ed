"""A Kafka broker in Python. Where to begin reading: docs/tour.md."""

__version__ = "0.1.0"
