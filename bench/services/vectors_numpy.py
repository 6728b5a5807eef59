import json, os, sys, time

os.environ["OPENBLAS_NUM_THREADS"] = "2"
import numpy as np

WIDTH, BATCH = 384, 1000
p = json.loads(os.environ["TYPEDMEM_SERVICES_PROCESS"])
path = os.path.join(p["Dir"], "vectors.npy")
report = {"Phases": {}, "Results": {}, "GCs": 0, "Pause": 0, "Err": ""}


def phase(name, f):
    start = time.perf_counter_ns()
    f()
    report["Phases"][name] = time.perf_counter_ns() - start


def some_rows(n, salt):
    x = np.arange(salt, salt + n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return ((x ^ x >> np.uint64(31)) % np.uint64(p["Rows"])).astype(np.int64)


def sum_of_bits(a):
    return int(a.view(np.uint32).sum(dtype=np.uint64))


def save():
    rows = np.memmap(p["Input"], np.float32, "r", shape=(p["Rows"], WIDTH))
    with open(path, "wb") as f:
        np.save(f, rows)
        f.flush()
        os.fsync(f.fileno())


def open_first():
    global rows
    rows = np.load(path, mmap_mode="r")
    report["Results"]["first row"] = str(sum_of_bits(rows[some_rows(1, 1 << 33)]))


def search():
    best = []
    for q in some_rows(10, 1 << 32):
        products = rows @ rows[q]
        top = np.argpartition(-products, 5)[:5]
        best += [str(i) for i in top[np.argsort(-products[top])]]
    report["Results"]["best"] = "[" + " ".join(best) + "]"


def gather():
    ids, total = some_rows(10_000, 1 << 33), 0
    for at in range(0, len(ids), BATCH):
        total += sum_of_bits(rows[ids[at : at + BATCH]])
    report["Results"]["gather"] = str(total)


if p["Write"]:
    phase("save", save)
else:
    phase("restart", open_first)
    phase("search", search)
    phase("gather", gather)
print(json.dumps(report), flush=True)
sys.stdin.read()
