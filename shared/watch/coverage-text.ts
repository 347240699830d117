/** How this host's files are watched, for people: what is not as good as it could be first. Pure. */
import { plain } from "../plain-text.ts";
import type { CoveredPath, SweepReport, WatchCoverage, WhoCoverage } from "./questions.ts";

const order: readonly CoveredPath["state"][] = ["blind", "polled", "live"];

const every = (seconds: number) => {
  if (seconds === 0) return "never";
  if (seconds % 86_400 === 0) return seconds === 86_400 ? "every day" : `every ${seconds / 86_400} days`;
  if (seconds % 3_600 === 0) return seconds === 3_600 ? "every hour" : `every ${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `every ${seconds / 60} min` : `every ${seconds} s`;
};

const last = ({ full, ended_at, looked, differences }: SweepReport) =>
  `the last one${full ? ", with digests," : ""} ended ${ended_at}: ${looked} paths, ${differences} found`;

/** Lines, each with its line end. */
export function coverageText({
  paths,
  left_out,
  unreadable,
  unreadable_paths,
  sweep,
  who,
}: WatchCoverage): string {
  const lines: string[] = [];
  for (const state of order) {
    lines.push(...paths.filter((each) => each.state === state).map(coverageLine));
  }
  if (lines.length === 0) {
    lines.push("nothing is watched: petrel pack config watch --set 'paths=[{path: /etc}]'");
  }
  if (left_out > 0) lines.push(`… and ${left_out} more`);
  for (const { path, error } of unreadable_paths) {
    lines.push(`${"blind".padEnd(7)} ${path}  cannot be read (${error})`);
  }
  if (unreadable > unreadable_paths.length) {
    lines.push(`… and ${unreadable - unreadable_paths.length} more that cannot be read`);
  }
  const digests = sweep.every === 0 ? "" : `, with digests ${every(sweep.full_every)}`;
  const before = sweep.last === null ? "" : `; ${last(sweep.last)}`;
  lines.push(`sweeps  ${every(sweep.every)}${digests}${before}`);
  lines.push(...whoLines(who ?? null));
  for (const [backend, unseen] of unseenBy(paths)) {
    lines.push(`${backend} cannot see:`, ...unseen.map((each) => `  ${each}`));
  }
  return lines.map((line) => `${plain(line)}\n`).join("");
}

/** How one path is watched. */
export function coverageLine({ state, path, backend, filesystem, mount, reason }: CoveredPath): string {
  const why = reason === "" ? "" : `: ${reason}`;
  return `${state.padEnd(7)} ${path}  (${backend}, ${filesystem} at ${mount})${why}`;
}

/** What is missing of what says who made a change; none where nothing is, or it is not known. */
export function whoLines(who: WhoCoverage | null): readonly string[] {
  return (who?.missing ?? []).map((what) => `who     ${what}`);
}

/** What each way of watching that is in use does not see, said once. */
function unseenBy(paths: readonly CoveredPath[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { backend, filesystem, cannot_see } of paths) {
    const name = `${backend} on ${filesystem}`;
    if (cannot_see.length > 0) found.set(name, cannot_see);
  }
  return found;
}
