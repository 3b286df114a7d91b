#!/usr/bin/env python3
"""torch_topk.py [--users 100000] [--items 50000] [--embedding 128] [--k 100] [--threads 2] [--batch 1024]: top lists in PyTorch.

The peer of recipe/examples/precompute_rate.rs: `torch.topk` over batched products of query vectors and item embeddings,
with biases. It is spared the recurrence over histories, the softmax and what a user had. Prints one JSON line.
"""
import argparse, json, os, resource, time
p = argparse.ArgumentParser()
p.add_argument('--users', type=int, default=100000); p.add_argument('--items', type=int, default=50000); p.add_argument('--embedding', type=int, default=128)
p.add_argument('--k', type=int, default=100); p.add_argument('--threads', type=int, default=2); p.add_argument('--batch', type=int, default=1024)
a = p.parse_args()
os.environ['OMP_NUM_THREADS'] = os.environ['MKL_NUM_THREADS'] = str(a.threads)
import torch
torch.set_num_threads(a.threads); torch.manual_seed(1)
items = 0.3 * torch.randn(a.items, a.embedding)
bias = -torch.log(torch.arange(1, a.items + 1).float())
queries = torch.randn(a.users, a.embedding)
began, cpu = time.perf_counter(), time.process_time()
with torch.inference_mode():
    for start in range(0, a.users, a.batch):
        torch.topk(torch.addmm(bias, queries[start:start + a.batch], items.T), a.k)
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
print(json.dumps(dict(seconds=round(seconds, 2), cpu_s=round(cpu, 2), users_per_s=round(a.users / seconds), batch=a.batch,
                      peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)))
