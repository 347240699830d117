/**
 * Agents that run the pack `told`: a sensor tells each line that a test writes, a rule has it written down on the same
 * host, and commands are asked for by hand. What was told and asked for has to be done, once, and nothing else.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { askStatus } from "../../agent/status/ask-http.ts";
import { readApiFile } from "../../hub/http/api-file-fs.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import type { Side } from "../../shared/wire/messages.ts";
import { type EnrolledAgent, enrolledAgent, newToken, ownUser } from "./enrolled-agent.ts";
import { agentReady, type Daemon, type TestHub } from "./fleet.ts";
import { waitUntil } from "./wait-until.ts";

export const finals: ReadonlySet<string> = new Set([
  "succeeded",
  "failed",
  "timeout",
  "abandoned",
  "canceled",
]);

export interface ToldWays {
  /** Further words of `petrel-agent enroll`. */
  readonly enroll?: readonly string[];
  /** Environment of an agent, when it enrols and when it runs. */
  readonly env?: (id: string) => Readonly<Record<string, string>>;
}

export interface Member {
  readonly agent: EnrolledAgent;
  daemon: Daemon;
}

/** One hub and some agents, what they were honestly told and asked for, and whether that was done: all of it, and once. */
export class ToldFleet {
  readonly members = new Map<string, Member>();
  /** Lines that a sensor told of. */
  readonly told: string[] = [];
  /** Commands that a user asked for; each leaves a file of its name, once. */
  readonly asked: string[] = [];
  /** Known before an attack. */
  gaps: readonly unknown[] = [];
  readonly hub: TestHub;
  readonly folder: string;
  readonly #ways: ToldWays;

  constructor(hub: TestHub, folder: string, ways: ToldWays = {}) {
    this.hub = hub;
    this.folder = folder;
    this.#ways = ways;
    mkdirSync(join(folder, "stains"));
  }

  /** `env`: its own besides. */
  async join(id: string, env: Readonly<Record<string, string>> = {}): Promise<Member> {
    const agent = await this.newcomer(id, env);
    const args = this.#ways.enroll ?? [];
    expect(await agent.enroll(await newToken(this.hub), args)).toMatchObject({ code: 0 });
    return this.starts(agent);
  }

  /** A host that has not enrolled. */
  newcomer(id: string, env: Readonly<Record<string, string>> = {}): Promise<EnrolledAgent> {
    return enrolledAgent(this.hub, id, { ...this.#ways.env?.(id), ...env });
  }

  /** One that is enrolled. */
  starts(agent: EnrolledAgent, env: Record<string, string> = {}): Member {
    const member = { agent, daemon: agent.start({ ...ownUser, ...env }) };
    this.members.set(agent.id, member);
    return member;
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no agent ${id}`);
    return member;
  }

  /** A file that would be there if what was forged had run. */
  stain(name: string): string {
    return join(this.folder, "stains", name);
  }

  done(): readonly string[] {
    const file = join(this.folder, "done");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  }

  tell(id: string, line = `${id}-line-${this.told.length}`): string {
    this.told.push(line);
    appendFileSync(join(this.member(id).daemon.home, "tell"), `${line}\n`);
    return line;
  }

  isDone(line: string): Promise<unknown> {
    return waitUntil(`the action for ${line}`, () => this.done().includes(line));
  }

  async ask(id: string, line = `${id}-command-${this.asked.length}`, before = ""): Promise<string> {
    this.asked.push(line);
    const { items } = await this.hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", {
      action: "core.local",
      parameters: { cmd: `${before}echo ${line} >> ${join(this.folder, "done")}` },
      target: { host: id },
      user: "test",
    });
    return items[0]?.id ?? "";
  }

  async metrics(): Promise<string> {
    const key = (await readApiFile(this.hub.data))?.key ?? "";
    const answer = await fetch(`${this.hub.url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    return answer.text();
  }

  /** How often this side has refused messages, by code. */
  async refused(side: Side, id: string): Promise<Readonly<Record<string, number>>> {
    if (side === "agent")
      return (await askStatus(join(this.member(id).agent.data, "agent.sock"))).link.refused;
    const lines = (await this.metrics()).matchAll(/^petrel_link_refused_total\{code="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries(Array.from(lines, ([, code, count]) => [code, Number(count)]));
  }

  /** Work goes on, nothing but honest work was done and stored, each piece once. */
  async expectUnharmed(): Promise<void> {
    for (const id of this.members.keys()) {
      await this.isDone(this.tell(id));
      await this.ask(id);
    }
    const wanted = [...this.told, ...this.asked].toSorted();
    await waitUntil("all that was asked for to be done", () => this.done().length >= wanted.length);
    const executions = await waitUntil("all to have ended", async () => {
      const all = await this.hub.all<Execution>("/v1/executions");
      return all.every(({ status }) => finals.has(status)) ? all : null;
    });
    expect(this.done().toSorted()).toEqual(wanted);
    expect(executions.length).toBe(wanted.length);
    const instances = await this.hub.all<TriggerInstance>("/v1/trigger-instances?trigger=told.line");
    expect(instances.map(({ payload }) => (payload as { line: string }).line).toSorted()).toEqual(
      this.told.toSorted(),
    );
    expect(readdirSync(join(this.folder, "stains"))).toEqual([]);
    expect(await this.hub.all("/v1/dead-letters")).toEqual([]);
    expect(await this.hub.all("/v1/gaps")).toEqual(this.gaps);
    expect(await this.hub.api("GET", "/v1/keys")).toMatchObject({ items: [] });
  }

  /** Has every agent of it, and of those that come, run pack `told`; resolves once those that are there have it. */
  async getsPack(): Promise<void> {
    const files = (await readPackFolder(resolve(import.meta.dirname, "../fixtures/packs-running/told"))).map(
      (file) => ({ ...file, content: Buffer.from(file.content).toString("base64") }),
    );
    await this.hub.api("POST", "/v1/packs", { files });
    await this.hub.api("PUT", "/v1/packs/told/assignment", { to: "all", config: { folder: this.folder } });
    for (const id of this.members.keys()) await agentReady(this.hub, id, ["core", "told"]);
  }
}
