#!/usr/bin/env python3
"""Viewings of made-up films, as CSV on standard output; always the same.

One viewer in three loves comedies, the others westerns, so that every western is more popular than every
comedy. Viewers walk through the films of their taste in the same order, each from a place of their own.
They come one day after another: at the end no film is new, and there is nothing to explore.
"""

import os

VIEWERS = int(os.environ.get("VIEWERS", "60"))
FILMS = 20  # of each taste
START = 1_600_000_000
DAY_S = 86_400
STEP_S = 600


def taste(viewer):
    return "comedy" if viewer % 3 == 0 else "western"


def rows():
    for viewer in range(VIEWERS):
        for step in range(FILMS):
            film = (viewer + step) % FILMS
            yield f"viewer-{viewer}", f"{taste(viewer)}-{film}", START + DAY_S * viewer + STEP_S * step


def csv():
    return "".join(["USER_ID,ITEM_ID,TIMESTAMP\n", *(f"{viewer},{film},{time}\n" for viewer, film, time in rows())])


if __name__ == "__main__":
    print(csv(), end="")
