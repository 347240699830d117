/** Labels as people write them to choose agents: `role=web,site=berlin`. */

/** `null` when a part of it is no `name=value`. */
export function labelPairs(text: string): Readonly<Record<string, string>> | null {
  const pairs: [string, string][] = [];
  for (const part of text.split(",")) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(part.trim()) ?? [];
    if (name === undefined || value === undefined) return null;
    pairs.push([name, value]);
  }
  return Object.fromEntries(pairs);
}

/** Whether `labels` has each of `wanted` with the same value. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}
