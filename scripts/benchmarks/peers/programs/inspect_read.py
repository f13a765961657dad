"""Prints how many samples of an Inspect AI log have an answer and scores, and how many each scorer took for right."""

import json
import sys
from collections import Counter

from inspect_ai.log import read_eval_log_samples

NAMES = {"exact": "exact", "includes": "contains", "brief": "brief"}

counts: Counter[str] = Counter()
for sample in read_eval_log_samples(sys.argv[1], all_samples_required=False):
    if sample.error is None and sample.scores:
        counts["answered"] += 1
        counts.update(NAMES[name] for name, score in sample.scores.items() if score.value in ("C", 1, 1.0))
print(json.dumps(counts))
