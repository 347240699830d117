/** A comparison of hosts as rows of a table, and its exit code. Pure. */
import type { Comparison, HostsPath, NotCompared, SameContent } from "../../files/compare.ts";
import type { Column } from "../output.ts";

const shownAgents = 6;
const shownDigits = 16;

/** 5: not all have the same; 1: those that could be compared do; 0: all do. */
export function comparisonExit({ groups, missing }: Comparison): number {
  if (groups.length > 1) return 5;
  return missing.length > 0 ? 1 : 0;
}

/** What all of the group have, or that they have not the same. */
function common(group: SameContent, of: (host: HostsPath) => string | number | null): string {
  const values = new Set(group.agents.map(of));
  const [only] = values;
  return values.size === 1 ? String(only ?? "-") : "differs";
}

export const groupColumns: readonly Column<SameContent>[] = [
  { header: "HOSTS", value: ({ count }) => count },
  { header: "OUTLIER", value: ({ outlier }) => (outlier ? "yes" : null) },
  { header: "KIND", value: ({ kind }) => kind },
  {
    header: "CONTENT",
    value: ({ digest, target }) => (target === null ? digest?.slice(0, shownDigits) : `→ ${target}`),
    cut: true,
  },
  { header: "SIZE", value: (group) => common(group, ({ size }) => size) },
  { header: "MODE", value: (group) => common(group, ({ mode }) => mode) },
  {
    header: "OWNER",
    value: (group) => common(group, ({ owner, group: of }) => (owner === null ? null : `${owner}:${of}`)),
  },
  { header: "AGENTS", value: agentsText, cut: true },
];

function agentsText({ agents }: SameContent): string {
  const shown = agents.slice(0, shownAgents).map(({ agent }) => agent);
  const more = agents.length - shown.length;
  return `${shown.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}

export function missingLines(missing: readonly NotCompared[]): readonly string[] {
  return missing.map(({ agent, why, detail }) => `not compared: ${agent}  ${why}: ${detail}`);
}
