/** Asks the watching sensors of many agents at once, live; who does not answer is named with the reason. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { Unanswered } from "../../shared/model/file-verification.ts";
import type { LabelSelector } from "../../shared/model/pack.ts";
import { watchSensor } from "../../shared/watch/questions.ts";
import { hasLabels } from "../agents/label-pairs.ts";

/** Which agents are asked: those named, those with the labels, or without either all that watch. */
export interface AgentChoice {
  readonly agents?: readonly string[] | undefined;
  readonly labels?: LabelSelector | undefined;
}

export type Reply<T> =
  | { readonly agent: string; readonly answer: T }
  | { readonly agent: string; readonly why: Unanswered; readonly detail: string };

export interface WatchersOptions {
  readonly agents: { all(): readonly AgentRecord[]; get(id: string): AgentRecord | null };
  readonly ask: (agent: string, op: string, args: JsonObject, withinMs: number) => Promise<Json>;
}

const withinMs = 10_000;
/** Agents that are asked at a time: a fleet's answers come one part after the other. */
const atOnce = 64;
const watchPack = "watch";

export class Watchers {
  readonly #options: WatchersOptions;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  /** By id. AGENT_UNKNOWN when one is not known, or none is chosen. */
  choose({ agents, labels }: AgentChoice): readonly string[] {
    const { all, get } = this.#options.agents;
    if (agents !== undefined && labels !== undefined) {
      throw new PetrelError("API_BAD_REQUEST", "agents and labels exclude each other");
    }
    if (agents !== undefined) {
      const unknown = agents.find((id) => get(id) === null);
      if (unknown === undefined) return [...new Set(agents)].sort();
      throw new PetrelError("AGENT_UNKNOWN", `no agent has the id ${unknown}`, {
        hint: "`petrel agent list` shows all",
      });
    }
    const chosen = all().filter((agent) =>
      labels === undefined ? Object.hasOwn(agent.packs, watchPack) : hasLabels(agent.labels, labels),
    );
    if (chosen.length > 0) return chosen.map(({ id }) => id).sort();
    throw labels === undefined
      ? new PetrelError("AGENT_UNKNOWN", "no agent watches files", {
          hint: "petrel pack assign watch --labels role=web --set 'paths=[{path: /etc}]' --wait",
        })
      : new PetrelError("AGENT_UNKNOWN", "no agent has these labels", {
          hint: "`petrel agent list` shows all with their labels",
        });
  }

  /** In the order of `agents`. `read` throws for an answer that is none. */
  async askAll<T>(
    agents: readonly string[],
    question: string,
    args: JsonObject,
    read: (answer: Json) => T,
  ): Promise<readonly Reply<T>[]> {
    const replies: Reply<T>[] = [];
    const rest = [...agents.entries()].values();
    const worker = async () => {
      for (const [at, agent] of rest) {
        replies[at] = await this.ask(agent, question, args, read).then(
          (answer) => ({ agent, answer }),
          (error: unknown) => ({ agent, ...reasonOf(error) }),
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, agents.length) }, worker));
    return replies;
  }

  /** Rejects with LINK_CLOSED, ASK_TIMEOUT, SENSOR_NOT_RUNNING, SENSOR_PROTOCOL, or the sensor's own error. */
  async ask<T>(agent: string, question: string, args: JsonObject, read: (answer: Json) => T): Promise<T> {
    const asked = { sensor: watchSensor, question, arguments: args, within: withinMs };
    return read(await this.#options.ask(agent, "sensor-ask", asked, withinMs));
  }
}

/** Why an agent did not answer, in a word and in its own. */
export function reasonOf(error: unknown): { readonly why: Unanswered; readonly detail: string } {
  const detail = error instanceof Error ? error.message : String(error);
  const code = error instanceof PetrelError ? error.code : null;
  switch (code) {
    case "LINK_CLOSED":
      return { why: "offline", detail };
    case "ASK_TIMEOUT":
      return { why: "no-answer", detail };
    case "SENSOR_NOT_RUNNING":
    case "SENSOR_ASK_UNKNOWN":
      return { why: "not-watching", detail };
    default:
      return { why: "failed", detail };
  }
}
