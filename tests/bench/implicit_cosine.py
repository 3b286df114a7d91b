#!/usr/bin/env python3
"""implicit_cosine.py TRAIN.csv [--neighbours 100] [--threads 2] [--rounds 5] [--lists FILE]: item-item cosine by `implicit`.

The peer of recipe/examples/sims_build.rs: the same CSV, the same neighbours, the time of the build alone from a sparse
matrix in memory. Prints one JSON line. With --lists it also gives the largest difference between the cosines of its own
neighbours and of those in that file, rank by rank: neighbours that tie may differ.
"""
import argparse, json, os, statistics, time
p = argparse.ArgumentParser()
p.add_argument('train'); p.add_argument('--neighbours', type=int, default=100); p.add_argument('--threads', type=int, default=2)
p.add_argument('--rounds', type=int, default=5); p.add_argument('--lists')
a = p.parse_args()
os.environ['OMP_NUM_THREADS'] = os.environ['OPENBLAS_NUM_THREADS'] = str(a.threads)
import numpy as np, scipy.sparse as sparse
from implicit.nearest_neighbours import CosineRecommender

rows = [line.rstrip('\n').split(',') for line in open(a.train)][1:]
users = {u: n for n, u in enumerate(dict.fromkeys(row[0] for row in rows))}
items = {i: n for n, i in enumerate(dict.fromkeys(row[1] for row in rows))}
matrix = sparse.coo_matrix((np.ones(len(rows)), ([users[r[0]] for r in rows], [items[r[1]] for r in rows])), shape=(len(users), len(items))).tocsr()
matrix.data[:] = 1
seconds, cpu = [], time.process_time()
for _ in range(a.rounds):
    # An item counts among its own neighbours there.
    model = CosineRecommender(K=a.neighbours + 1, num_threads=a.threads)
    began = time.perf_counter()
    model.fit(matrix, show_progress=False)
    seconds.append(time.perf_counter() - began)
cpu = (time.process_time() - cpu) / a.rounds
report = dict(seconds=round(statistics.median(seconds), 4), best=round(min(seconds), 4), cpu_s=round(cpu, 4), interactions=len(rows), items=len(items))
if a.lists:
    # Cosines of both programs' neighbours, counted here, rank by rank.
    common = (matrix.T @ matrix).toarray(); own = np.sqrt(common.diagonal()); worst = 0.0; theirs = model.similarity.tocsr()
    for line in open(a.lists):
        item, *ours = line.rstrip('\n').split(',')
        n = items[item]; cosine = common[n] / (own[n] * own)
        other = [j for j in theirs[n].indices if j != n]
        ranked = lambda numbers: -np.sort(-np.pad(cosine[np.array(numbers, int)], (0, a.neighbours - len(numbers))))
        worst = max(worst, float(np.abs(ranked([items[o] for o in ours]) - ranked(other[:a.neighbours])).max()))
    report['largest_difference'] = round(worst, 7)
print(json.dumps(report))
