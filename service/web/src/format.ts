// Numbers and times as people read them.

const GROUPED = new Intl.NumberFormat("en-US");
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const AGO = new Intl.RelativeTimeFormat("en", { style: "short", numeric: "always" });

export const count = (value: number): string => GROUPED.format(value);

/** A count and its noun: "1 error", "2 errors". */
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A score with three digits, never rounded up to 1 nor down to 0. */
export function score(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const text = value.toFixed(3);
  if (text === "1.000" && value < 1) return ">0.999";
  if (text === "0.000" && value > 0) return "<0.001";
  return text;
}

/** A score beside its threshold: with as many digits as it takes to tell them apart. */
export function scoreAgainst(value: number | null | undefined, threshold: number): string {
  if (value === null || value === undefined) return "–";
  for (let digits = 3; digits < 12; digits++) {
    const text = value.toFixed(digits);
    if (Number(text) >= threshold === value >= threshold) return text;
  }
  return String(value);
}

/** Whether a row fails by the lower end of its interval, while its score would do. */
export function lowerEndDecides(row: { passed: boolean; score?: number | null; threshold: number }): boolean {
  return !row.passed && typeof row.score === "number" && row.score >= row.threshold;
}

export const threshold = (value: number): string => String(Number(value.toFixed(4)));

export function signed(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(3)}`;
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

export function ago(then: string, now: number): string {
  const seconds = (now - Date.parse(then)) / 1000;
  for (const [unit, size] of UNITS) if (seconds >= size) return AGO.format(-Math.floor(seconds / size), unit);
  return "just now";
}

export function when(time: string): string {
  return new Date(time).toLocaleString("en-GB", {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

export function money(value: number): string {
  return value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}

export const suiteOf = (run: { suite: string | null; suites?: string[] }): string =>
  run.suite ?? (run.suites ?? []).join(", ");
