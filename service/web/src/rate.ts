// How fast a run goes, and how long it will take.

export interface Sample {
  at: number;
  completed: number;
}

const LOOK_BACK_MS = 15_000;

/** The samples of the last seconds, with a new one. */
export function addSample(samples: Sample[], sample: Sample): Sample[] {
  const kept = samples.filter((one) => sample.at - one.at <= LOOK_BACK_MS && one.completed <= sample.completed);
  return [...kept, sample];
}

/** Examples a second; undefined until there is something to tell. */
export function rateOf(samples: Sample[]): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 500 || last.completed === first.completed) return undefined;
  return ((last.completed - first.completed) * 1000) / (last.at - first.at);
}

export function secondsLeft(rate: number | undefined, completed: number, total: number | undefined): number | undefined {
  return rate && total ? (total - completed) / rate : undefined;
}
