"""Random steps from a seed, the same at both brokers: what they answer must be the same after every step.

A step is a function of a `World`, one for each broker. All its choices come from a `Random` that both worlds seed
alike, and from what the world knows; as long as the answers agree, so do the worlds. `walk.py` takes the steps.
"""
