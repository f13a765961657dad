// A plot over time.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface Line {
  label: string;
  /** The place of its colour among those of the page. */
  colour: number;
  values: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  thresholds: (number | null)[];
}

const HEIGHT = 280;

/** Lines with their intervals and thresholds over times in seconds; `marks` are places where something changed. */
export function Plot({ times, lines, marks }: { times: number[]; lines: Line[]; marks: number[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const node = box.current;
    if (!node || times.length === 0) return;
    let plot = draw(node, times, lines, marks);
    const fit = new ResizeObserver(() => plot.setSize({ width: node.clientWidth, height: HEIGHT }));
    fit.observe(node);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const again = () => {
      plot.destroy();
      plot = draw(node, times, lines, marks);
    };
    dark.addEventListener("change", again);
    return () => {
      dark.removeEventListener("change", again);
      fit.disconnect();
      plot.destroy();
    };
  }, [times, lines, marks]);
  return <div class="plot" ref={box} aria-hidden="true" />;
}

function draw(node: HTMLElement, times: number[], lines: Line[], marks: number[]): uPlot {
  const colour = (name: string) => getComputedStyle(node).getPropertyValue(name).trim();
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const series: uPlot.Series[] = [{ label: "Time" }];
  const data: (number | null)[][] = [];
  const bands: uPlot.Band[] = [];
  const steps = uPlot.paths.stepped?.({ align: 1 });
  const stepped = steps ? { paths: steps } : {};
  for (const line of lines) {
    const stroke = colour(`--series-${line.colour}`);
    const at = series.length;
    const hidden = { stroke: "transparent", width: 0, points: { show: false } };
    series.push(
      { label: line.label, stroke, width: 2, points: { show: true, size: 6, fill: stroke }, spanGaps: true },
      { label: `${line.label} high`, ...hidden },
      { label: `${line.label} low`, ...hidden },
      { label: `${line.label} threshold`, stroke, width: 1, dash: [4, 4], points: { show: false }, ...stepped },
    );
    bands.push({ series: [at + 1, at + 2], fill: `${stroke}18` });
    data.push(line.values, line.high, line.low, line.thresholds);
  }
  const options: uPlot.Options = {
    width: node.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [14, 16, 0, 0],
    scales: { x: { time: false, range: [-0.5, times.length - 0.5] }, y: { range: [0, 1.02] } },
    axes: [
      { ...axis, size: 30, incrs: [1, 2, 5, 10, 20], space: 90, values: (_plot, splits) => splits.map((one) => (Number.isInteger(one) ? dayOf(times[one]) : "")) },
      { ...axis, size: 44 },
    ],
    series,
    bands,
    hooks: { draw: [(plot) => markChanges(plot, marks, colour("--warn"))] },
  };
  const places = times.map((_, index) => index);
  return new uPlot(options, [places, ...data] as uPlot.AlignedData, node);
}

function dayOf(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  return new Date(seconds * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function markChanges(plot: uPlot, marks: number[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([2, 4]);
  for (const mark of marks) {
    const x = plot.valToPos(mark - 0.5, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
