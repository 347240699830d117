/** Figures as Prometheus reads them (text format 0.0.4). */
import type { HistogramFigures } from "./histogram.ts";

export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** One metric: its name, what it counts, and its value; a plain number is a sample without labels. */
export type Metric<Figures> =
  | readonly [
      name: string,
      type: "counter" | "gauge",
      help: string,
      value: (figures: Figures) => number | readonly Sample[],
    ]
  | readonly [name: string, type: "histogram", help: string, value: (figures: Figures) => HistogramFigures];

/** Every metric with its help and type, also those without samples. */
export function renderMetrics<Figures>(metrics: readonly Metric<Figures>[], figures: Figures): string {
  let text = "";
  for (const metric of metrics) {
    const [name, type, help] = metric;
    text += `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n`;
    if (metric[1] === "histogram") text += histogramText(name, metric[3](figures));
    else {
      const value = metric[3](figures);
      const samples: readonly Sample[] = typeof value === "number" ? [[{}, value]] : value;
      for (const [labels, each] of samples) text += `${name}${labelText(labels)} ${numberText(each)}\n`;
    }
  }
  return text;
}

function histogramText(name: string, { bounds, counts, sum }: HistogramFigures): string {
  const rows = counts.map(
    (count, i) => `${name}_bucket{le="${bounds[i] === undefined ? "+Inf" : bounds[i]}"} ${count}\n`,
  );
  return `${rows.join("")}${name}_sum ${numberText(sum)}\n${name}_count ${counts.at(-1) ?? 0}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Label values escape backslash, quote and line feed, and nothing else; help texts do not escape quotes. */
const escapedLabel = (value: string) =>
  value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
const escapedHelp = (text: string) => text.replace(/[\\\n]/g, (char) => (char === "\n" ? "\\n" : "\\\\"));

const numberText = (value: number) =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";

/** A state as a gauge. */
export const yes = (value: boolean): number => (value ? 1 : 0);
