//! Uses the product from outside: its map, its commands, its APIs. See `tests/`, `python/` and `bench/`.
