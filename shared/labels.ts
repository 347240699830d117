/** Labels as people write them: `role=web,site=berlin`. */
import type { LabelSelector } from "./model/pack.ts";

/** `null` when it is none. The empty text picks every agent. */
export function parseSelector(text: string): LabelSelector | null {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const pairs = words.map((word) => /^([A-Za-z0-9][A-Za-z0-9._/-]{0,127})=(.{0,256})$/s.exec(word));
  if (pairs.some((pair) => pair === null)) return null;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]));
}

export function selectorText(labels: LabelSelector): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "all agents" : pairs.sort().join(",");
}
