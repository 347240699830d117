/** An agent's status for people: what is well in few words, what is not in more. */
import type { LinkCounters } from "../../shared/link/counters.ts";
import { plain } from "../../shared/plain-text.ts";
import type { PolicyStatus } from "../policy/policy-in-force.ts";
import { type AgentStatus, isWell, oldestMs } from "./status.ts";

const seconds = (ms: number) => {
  const s = Math.round(ms / 1000);
  if (s < 120) return `${s} s`;
  if (s < 7_200) return `${Math.round(s / 60)} min`;
  return `${Math.round(s / 3_600)} h`;
};

const bytes = (count: number) =>
  count < 1024
    ? `${count} B`
    : count < 1024 * 1024
      ? `${Math.round(count / 1024)} KiB`
      : `${Math.round(count / 1024 / 1024)} MiB`;

function policyText(policy: PolicyStatus, refused: AgentStatus["refused"]): string {
  const { path, digest, problem } = policy;
  const count = Object.values(refused).reduce((sum, each) => sum + each, 0);
  const inForce =
    path === null || digest === null
      ? "none in force"
      : `${path}, ${digest.replace("sha256:", "").slice(0, 12)}`;
  const wrong = problem === null ? "" : `; the file as it is now cannot be taken: ${problem}`;
  return `${inForce}, ${count} requests refused${wrong}`;
}

/** Lines, each with its line end. Pure: the status says itself when it was. */
export function statusText(status: AgentStatus): string {
  const { id, version, at, started_at, hub, outbox, store, actions, sensors, packs, link } = status;
  const wait =
    outbox.entries === 0
      ? "empty"
      : `${outbox.entries} entries, ${bytes(outbox.bytes)}, oldest ${seconds(oldestMs(status))}`;
  const rows: readonly (readonly [string, string])[] = [
    ["agent", `${id}, version ${version}, up ${seconds(Date.parse(at) - Date.parse(started_at))}`],
    [
      "hub",
      `${hub}: ${status.link_up ? "linked" : status.connected ? "connected, the hub has not answered yet" : "not reached"}`,
    ],
    ...(status.degraded === null ? [] : [["state", `degraded: ${status.degraded}`] as const]),
    ...identityRows(status),
    ["outbox", wait],
    [
      "store",
      isWell(status)
        ? `ok, last batch ${store.last_batch_ms.toFixed(1)} ms`
        : "failed: a batch could not be written",
    ],
    ...(status.policy === null ? [] : [["policy", policyText(status.policy, status.refused)] as const]),
    ["actions", `${actions.running} running, ${actions.waiting} waiting`],
    [
      "link",
      `${link.entriesSent} entries sent, ${link.entriesSentAgain} again; ${link.entriesReceived} received${refusedText(link.refused)}`,
    ],
    ["memory", bytes(status.resident_bytes)],
    ["packs", Object.keys(packs).join(" ") || "none"],
    ...sensors.map(({ sensor, state, pid, restarts, last_error, problem }): readonly [string, string] => {
      const reason = state === "running" ? problem : last_error;
      const error =
        reason === null
          ? ""
          : `: ${state === "running" ? "not as assigned, " : ""}${reason.split("\n")[0] ?? ""}`;
      const life = pid === null ? "" : `, pid ${pid}`;
      return ["sensor", `${sensor} ${state}${life}${restarts > 0 ? `, ${restarts} restarts` : ""}${error}`];
    }),
  ];
  return rows.map(([name, text]) => `${name.padEnd(8)} ${plain(text)}\n`).join("");
}

function identityRows({ identity }: AgentStatus): readonly (readonly [string, string])[] {
  if (identity == null) return [];
  const { fingerprint, certificate_ends, refused } = identity;
  const own = ["identity", `${fingerprint}, certificate until ${certificate_ends}`] as const;
  return refused === null ? [own] : [own, ["refused", `${refused.code}: ${refused.message}`]];
}

/** `; 3 messages refused: WIRE_AUTH 2, WIRE_SESSION 1`; nothing when none was. */
function refusedText(refused: LinkCounters["refused"]): string {
  const counts = Object.entries(refused);
  if (counts.length === 0) return "";
  const sum = counts.reduce((total, [, count]) => total + count, 0);
  return `; ${sum} messages refused: ${counts.map(([code, count]) => `${code} ${count}`).join(", ")}`;
}
