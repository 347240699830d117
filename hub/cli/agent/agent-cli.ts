/** `petrel agent list | get | label | resolve`, and those of enrolment */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { AgentRecord } from "../../../shared/model/agent.ts";
import type { VersionSkew } from "../../../shared/version-skew.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";
import { enrolmentCommands } from "./enrolment-cli.ts";
import { releaseCommands } from "./release-cli.ts";
import { rolloutCommands } from "./rollout-cli.ts";

const path = "/v1/agents";

export const agentCommands: NounCommands = (noun, context) => {
  enrolmentCommands(noun, context);
  releaseCommands(noun, context);
  rolloutCommands(noun, context);
  listVerb<ShownAgent, ShownAgent>(noun, context, {
    path,
    description: "list the agents that the hub knows",
    example: "petrel agent list",
    row: asIs,
    columns: [
      { header: "AGENT", value: (agent) => agent.id },
      { header: "ONLINE", value: onlineText },
      { header: "ADDRESS", value: addressText, cut: true },
      { header: "SEEN", value: (agent, now) => (agent.online ? "now" : ago(agent.last_seen, now)) },
      { header: "HOST", value: (agent) => agent.host },
      { header: "VERSION", value: versionText },
      { header: "POLICY", value: (agent) => policyText(agent.policy) },
      { header: "LABELS", value: (agent) => labelText(agent.labels), cut: true },
      { header: "PACKS", value: (agent) => Object.keys(agent.packs).sort().join(" "), cut: true },
    ],
  });
  getVerb<AgentRecord>(noun, context, {
    path,
    argument: "id",
    description: "show an agent",
    example: "petrel agent get web-1",
  });
  withExample(
    noun
      .command("resolve <id>")
      .description("send to an agent again whose id two machines had; stop one of them first"),
    "petrel agent resolve web-1",
  ).action(async (id: string, _options: object, self: Command) => {
    const agent = await context
      .api(self)
      .ask<AgentRecord>("POST", `${path}/${encodeURIComponent(id)}/resolve`);
    const where = agent.online ? `, and is connected from ${addressText(agent) ?? "its broker"}` : "";
    await context.say(self, `${agent.id}: is sent to again${where}`, agent);
  });
  withExample(
    noun.command("label <id> <changes...>").description("set labels with key=value, remove them with key-"),
    "petrel agent label web-1 role=web canary-",
  ).action(async (id: string, changes: readonly string[], _options: object, self: Command) => {
    const labels = labelChanges(changes);
    const agent = await context
      .api(self)
      .ask<AgentRecord>("PATCH", `${path}/${encodeURIComponent(id)}`, { body: { labels } });
    await context.say(self, `${agent.id}: ${labelText(agent.labels) || "no labels"}`, agent);
  });
};

/** Of a hub that is older than this command there is no skew. */
type ShownAgent = AgentRecord & { readonly version_skew?: VersionSkew };

/** With what it is to the hub's: `0.9.0 (older)`. */
function versionText({ version, version_skew: skew }: ShownAgent): string | null {
  return version === null || skew == null ? version : `${version} (${skew.replace("_", " ")})`;
}

function onlineText({ online, conflict, degraded, removed }: AgentRecord): string {
  if (removed !== undefined) return "removed";
  if (conflict != null) return "conflict";
  if (!online) return "no";
  return degraded == null ? "yes" : "degraded";
}

/** Of an agent in conflict, those of all machines that have its id. */
function addressText({ address, conflict }: AgentRecord): string | null {
  if (conflict == null) return address;
  return conflict.parties.map((party) => party.address ?? party.host ?? "unknown").join(" ");
}

/** Enough of the digest to tell which agents have the same file. */
function policyText(policy: AgentRecord["policy"]): string | null {
  return policy == null ? null : policy.replace("sha256:", "").slice(0, 12);
}

function labelText(labels: AgentRecord["labels"]): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(" ");
}

/** `key=value` sets, `key-` removes: as kubectl users type it. */
function labelChanges(changes: readonly string[]): Record<string, string | null> {
  const entries = changes.map((change): [string, string | null] => {
    const [, name, value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(change) ?? [];
    if (name !== undefined) return [name, value ?? null];
    throw new PetrelError("CLI_USAGE", `'${change}' changes no label`, {
      hint: "write key=value to set a label, key- to remove it",
    });
  });
  return Object.fromEntries(entries);
}
