// A score from 0 to 1 as a bar: the interval, the mean, and the threshold it is held to.

import type { Row } from "./documents.ts";

type Shown = Pick<Row, "score" | "ci_lower" | "ci_upper"> & { threshold?: number; passed?: boolean };

const x = (share: number) => Math.max(0, Math.min(1, share)) * 100;

export function Meter({ row, slim = false }: { row: Shown; slim?: boolean }) {
  const { score, ci_lower: low, ci_upper: high, threshold } = row;
  const kind = row.passed === undefined ? "plain" : row.passed ? "good" : "bad";
  return (
    <svg class={`meter ${kind} ${slim ? "slim" : ""}`} viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="6" width="100" height="8" />
      {typeof score === "number" && <rect class="value" x="0" y="6" width={x(score)} height="8" />}
      {typeof low === "number" && typeof high === "number" && !slim && (
        <>
          <rect class="interval" x={x(low)} y="9" width={x(high) - x(low)} height="2" />
          <line class="end" x1={x(low)} x2={x(low)} y1="6" y2="14" />
          <line class="end" x1={x(high)} x2={x(high)} y1="6" y2="14" />
        </>
      )}
      {threshold !== undefined && <line class="threshold" x1={x(threshold)} x2={x(threshold)} y1="1" y2="19" />}
    </svg>
  );
}
