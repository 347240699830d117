/** How a fleet's files are watched, in lines, and the exit code. Pure. */
import { coverageLine, whoLines } from "../../../shared/watch/coverage-text.ts";
import type { AgentCoverage, FleetCoverage, NoCoverage } from "../../files/fleet-coverage.ts";

/** Lines of paths for each agent. */
const mostShown = 10;

/** 1: an agent did not say, or something is blind. */
export function fleetCoverageExit({ agents }: FleetCoverage): number {
  return agents.some((one) => "why" in one || one.blind > 0) ? 1 : 0;
}

/** Each agent's line, with what is not live below it. */
export function fleetCoverageLines({ agents }: FleetCoverage): readonly string[] {
  return agents.flatMap((one) => ("why" in one ? [notSaid(one)] : said(one)));
}

function notSaid({ agent, why, detail }: NoCoverage): string {
  return `${agent}  ${why}: ${detail}`;
}

function said({
  agent,
  live,
  polled,
  blind,
  paths,
  unreadable_paths,
  left_out,
  who,
}: AgentCoverage): string[] {
  const rest = [
    ...unreadable_paths.map(({ path, error }) => `${"blind".padEnd(7)} ${path}  cannot be read (${error})`),
    ...paths.map(coverageLine),
  ];
  const shown = rest.slice(0, mostShown);
  const more = rest.length - shown.length + left_out;
  const lines = [
    ...shown,
    ...(more > 0 ? [`… and ${more} more: petrel file coverage --agent ${agent}`] : []),
    ...whoLines(who),
  ];
  const head = `${agent}  ${live} live, ${polled} polled, ${blind} blind`;
  return [head, ...lines.map((line) => `  ${line}`)];
}
