"""`kill -9` under load, again and again, with damaged files in between, against a real broker process.

    PYKBROKER_CRASH_ROUNDS=50 PYKBROKER_CRASH_SEED=7 python -m pytest tests/crash      (or: make crash ROUNDS=50)

`load.py` writes, reads and commits, and knows what was acknowledged; `damage.py` does to the files what a dying machine
does; `promises.py` reads everything back and compares. A seed repeats the moments and the damage, not the timing.
"""
