"""Every operation of the three APIs against the official model: `make conformance`.

`control.py` and `serving.py` declare each operation once: how to make a valid request in the world of
`world.py`, and how to provoke what cannot be derived. Everything else follows from the model:
`constraints.py` breaks each constraint of the input, one at a time; `cases.py` turns both into cases;
`service.py` checks each answer against the model. The table at the end counts them. Read `declare.py` first.
"""
