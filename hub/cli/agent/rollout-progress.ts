/** A rollout as people follow it: one bar on a terminal, one line for each change elsewhere. Pure. */
import type { AgentRollout, RolloutAgent } from "../../../shared/model/agent-rollout.ts";
import type { RolloutAgentView, RolloutView } from "../../upgrades/rollout-desk.ts";

type Counts = AgentRollout["counts"];

const through = ({ healthy, failed, rolled_back, refused, skipped }: Counts) =>
  healthy + failed + rolled_back + refused + skipped;
const total = (counts: Counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** `3 healthy, 1 failed, 6 waiting`: only what there is. */
export function countsText(counts: Counts): string {
  const shown = (
    ["healthy", "failed", "rolled_back", "refused", "skipped", "sending", "installing", "waiting"] as const
  )
    .filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${stateText(state)}`);
  return shown.length === 0 ? "no agents" : shown.join(", ");
}

export const stateText = (state: string): string => state.replace("_", " ");

/** How it ended, or stands. */
export function rolloutText({ id, version, state, reason, counts }: RolloutView): string {
  return `rollout ${id} of ${version} is ${state}${reason === null ? "" : ` (${reason})`}: ${countsText(counts)}`;
}

/** One line, no wider than `columns`. `sent`: bytes of what is being sent, of all that are in flight. */
export function barText(
  rollout: RolloutView,
  sent: { readonly bytes: number; readonly of: number } | null,
  columns: number,
): string {
  const all = total(rollout.counts);
  const done = through(rollout.counts);
  const { sending, installing } = rollout.counts;
  // An agent that fetches is as far as its bytes are; one that installs has them.
  const begun =
    installing * 0.9 + (sent === null || sent.of === 0 ? 0 : sending * 0.9 * (sent.bytes / sent.of));
  const share = all === 0 ? 1 : Math.max(0, Math.min(1, (done + begun) / all));
  const megabytes =
    sent === null || sent.of === 0
      ? ""
      : `, ${(sent.bytes / 1e6).toFixed(1)} of ${(sent.of / 1e6).toFixed(1)} MB`;
  const state = rollout.state === "running" ? "" : ` ${rollout.state}`;
  const text = ` ${done}/${all}${state}  ${countsText(rollout.counts)}${megabytes}`;
  const width = Math.min(40, columns - text.length - 3);
  if (width < 8) return text.trimStart().slice(0, Math.max(0, columns - 1));
  const filled = Math.round(share * width);
  return `[${"#".repeat(filled)}${"-".repeat(width - filled)}]${text}`;
}

/** Of all agents that fetch; `null` when none does. */
export function sentOf(
  agents: readonly RolloutAgentView[],
): { readonly bytes: number; readonly of: number } | null {
  const sending = agents.filter(({ state }) => state === "sending");
  if (sending.length === 0) return null;
  return {
    bytes: sending.reduce((sum, { sent_bytes }) => sum + (sent_bytes ?? 0), 0),
    of: sending.reduce((sum, { of_bytes }) => sum + (of_bytes ?? 0), 0),
  };
}

/** One line for each agent that is otherwise than before. */
export function newsLines(
  before: ReadonlyMap<string, RolloutAgent["state"]>,
  agents: readonly RolloutAgent[],
): readonly string[] {
  return agents
    .filter(({ agent, state }) => (before.get(agent) ?? "waiting") !== state)
    .map(({ agent, state, code, reason }) => {
      const why = [code, reason].filter((part) => part !== null).join(": ");
      return `${agent}: ${stateText(state)}${why === "" ? "" : ` (${why})`}`;
    });
}
