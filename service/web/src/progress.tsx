// How far a run is, how fast it goes, and how long it will take.

import { useEffect, useState } from "preact/hooks";
import type { Run } from "./documents.ts";
import { count, duration } from "./format.ts";
import { addSample, rateOf, secondsLeft, type Sample } from "./rate.ts";

export function ProgressBar({ run }: { run: Run }) {
  const { completed = 0, total, percent = 0 } = run.progress ?? {};
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => setSamples((old) => addSample(old, { at: performance.now(), completed })), [run]);
  const rate = rateOf(samples);
  const left = secondsLeft(rate, completed, total);
  return (
    <section class="progress" aria-label="Progress">
      <progress max={100} value={percent} aria-label="Recorded examples" />
      <p class="facts">
        <span>
          <b>{count(completed)}</b> of {total === undefined ? "…" : count(total)}
        </span>
        <span>{percent} %</span>
        {rate !== undefined && <span>{rate < 10 ? rate.toFixed(1) : count(Math.round(rate))} a second</span>}
        {left !== undefined && <span>about {duration(left)} left</span>}
        {completed === 0 && <span class="dim">waiting for its turn, or for the model's first answer</span>}
      </p>
    </section>
  );
}
