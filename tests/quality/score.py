"""Reads a list of {reference, before, after} (paths of 48 kHz mono f32le) and prints STOI and PESQ of each, as JSON."""

import json
import sys
from multiprocessing import Pool

import numpy
from pesq import pesq
from pystoi import stoi
from scipy.signal import resample_poly


def read(path):
    return resample_poly(numpy.fromfile(path, dtype=numpy.float32).astype(numpy.float64), 1, 3)


def level(samples):
    return (samples / numpy.max(numpy.abs(samples)) * 0.5).astype(numpy.float32)


def score(pair):
    reference, before, after = (read(pair[name]) for name in ("reference", "before", "after"))
    length = min(len(reference), len(after))
    reference, before, after = (samples[:length] for samples in (reference, before, after))
    return {
        "stoiBefore": float(stoi(reference, before, 16000)),
        "stoiAfter": float(stoi(reference, after, 16000)),
        "pesqBefore": float(pesq(16000, level(reference), level(before), "wb")),
        "pesqAfter": float(pesq(16000, level(reference), level(after), "wb")),
    }


if __name__ == "__main__":
    with Pool(2) as pool:
        print(json.dumps(pool.map(score, json.load(sys.stdin))))
