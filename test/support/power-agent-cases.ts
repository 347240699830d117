/** What an agent's stores say is on disk, and what those who rely on it do then. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Actions } from "../../agent/actions/actions-process.ts";
import { JournalStore } from "../../agent/actions/journal-store.ts";
import type { Runner } from "../../agent/actions/runners/runner.ts";
import { AssignmentsStore } from "../../agent/packs/assignments-store.ts";
import { DispatchStore } from "../../agent/sensors/dispatch-store.ts";
import { SensorIntake } from "../../agent/sensors/intake.ts";
import { LocalValuesStore } from "../../agent/sensors/local-values-store.ts";
import { openAgentStore } from "../../agent/store/agent-store.ts";
import { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { PetrelError } from "../../shared/errors.ts";
import { silentLogger as log } from "../../shared/log.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import type { PowerCase } from "./power-cases.ts";
import { actionRequest } from "./runner-settings.ts";

const newId = () => randomBytes(8).toString("hex");
const now = () => Date.now();

const unused = () => Promise.reject(new PetrelError("INTERNAL", "nothing is fetched here"));

/** Requests that came in, carried out one at a time by `run`. */
async function takeRequests(
  agent: OpenAgent,
  folder: string,
  run: Runner["run"],
  executions: readonly string[],
) {
  const { database, outbox, marks, rows } = agent;
  const actions = new Actions({
    ...{ level: database.level, committer: database.committer, marks, rows, newId, log },
    append: outbox.append.bind(outbox),
    runners: [{ name: "noop", mayPause: false, run }],
    limits: { concurrency: 1, actions: {}, maxOpen: 100, maxOpenBytes: 1e6 },
    refusing: () => null,
    onAssignments: () => {},
    onRoom: () => {},
    packs: { ensurePack: unused, packConfig: unused },
    datastore: unused,
    blobs: await BlobStore.open({ folder: join(folder, "blobs") }),
    fetchBlob: unused,
    onOutput: () => {},
    ...{ clock: systemClock, timers: systemTimers, jitter: () => 0.5, hubNow: now },
    drainMs: 0,
    passPoint: () => {},
  });
  await actions.start();
  const entries = executions.map((execution, at) => {
    const entry = actionRequest({ execution });
    return { n: at + 1, last: at + 1, entry, size: JSON.stringify(entry).length };
  });
  await actions.inbox.take("E", 0, entries);
}

async function openAgent(folder: string) {
  const store = await openAgentStore({ data: folder, newId, now, log });
  const { database, outbox } = store;
  const { level, committer } = database;
  const append = outbox.append.bind(outbox);
  const journal = new JournalStore({ level, committer, append, rows: store.rows, newId, now });
  await journal.load();
  const values = new LocalValuesStore({ database, now });
  const dispatches = new DispatchStore({ database, append, values, newId, now, hubNow: () => null, log });
  const accept = async (execution: string) => {
    const request = actionRequest({ execution });
    const { ops, open } = journal.acceptOps(request);
    await append([], [...ops, store.marks.put("E", 1)]);
    journal.noteAccepted(open);
  };
  const kinds = async () => {
    const found: string[] = [];
    for (const { id, first } of outbox.epochs())
      for (const { entry } of await outbox.read(id, first, 100, 1e9)) found.push(entry.kind);
    return found;
  };
  return { ...store, journal, values, dispatches, accept, kinds };
}

type OpenAgent = Awaited<ReturnType<typeof openAgent>>;

/** An agent's store that is opened, written to and never closed; then opened and read. */
function agentCase(
  write: (agent: OpenAgent, folder: string) => Promise<unknown>,
  read: (agent: OpenAgent) => Promise<unknown>,
  promised: unknown,
): PowerCase {
  return {
    prepare: async (folder) => (await openAgent(folder)).close(),
    async write(folder) {
      await write(await openAgent(folder), folder);
      return promised;
    },
    async read(folder) {
      const agent = await openAgent(folder);
      try {
        return await read(agent);
      } finally {
        await agent.close();
      }
    },
  };
}

const result = { status: "succeeded", result: 1, ended_at: "2026-01-01T00:00:00.000Z" } as const;
const phasesOf = async ({ journal }: OpenAgent, ...executions: string[]) => {
  const states = await journal.states(executions);
  return executions.map((execution) => states.get(execution)?.phase);
};

export const agentCases: Readonly<Record<string, PowerCase>> = {
  "an accepted request, and the mark behind it": agentCase(
    ({ accept }) => accept("X1"),
    async (agent) => [...(await phasesOf(agent, "X1")), (await agent.marks.read(["E"])).get("E")],
    ["accepted", 1],
  ),
  "a start, before anything has run": agentCase(
    async ({ accept, journal }) => {
      await accept("X1");
      await journal.started("X1", null);
    },
    async (agent) => [...(await phasesOf(agent, "X1")), ...(await agent.kinds())],
    ["started", "execution-update"],
  ),
  "a result, and its entry for the hub": agentCase(
    async ({ accept, journal }) => {
      await accept("X1");
      await journal.settle("X1", result);
    },
    async (agent) => [...(await phasesOf(agent, "X1")), ...(await agent.kinds())],
    ["settled", "execution-update"],
  ),
  "requests that the hub is told have come": agentCase(
    (agent, folder) => takeRequests(agent, folder, () => new Promise(() => {}), ["X1", "X2"]),
    async (agent) => [...(await phasesOf(agent, "X1", "X2")), (await agent.marks.read(["E"])).get("E")],
    ["accepted", "accepted", 2],
  ),
  "the start of an action that does something": agentCase(
    (agent, folder) =>
      new Promise((resolve, reject) => {
        const run: Runner["run"] = async (_request, context) => {
          await context.started(null);
          resolve(null);
          return new Promise(() => {});
        };
        takeRequests(agent, folder, run, ["X1"]).catch(reject);
      }),
    (agent) => phasesOf(agent, "X1"),
    ["started"],
  ),
  "the result of an action that has made room for the next": agentCase(
    (agent, folder) =>
      new Promise((resolve, reject) => {
        const run: Runner["run"] = async ({ execution }, context) => {
          if (execution === "X2") {
            resolve(null);
            return new Promise(() => {});
          }
          await context.started(null);
          return { status: "succeeded", result: 1 };
        };
        takeRequests(agent, folder, run, ["X1", "X2"]).catch(reject);
      }),
    (agent) => phasesOf(agent, "X1", "X2"),
    ["settled", "accepted"],
  ),
  "a trigger that a sensor was told is accepted, with its cursor": agentCase(
    async ({ dispatches }) => {
      const life = await dispatches.openLife("p.S");
      await new Promise<void>((resolve) => {
        const intake = new SensorIntake({
          life,
          send: ({ op }) => op === "accepted" && resolve(),
          answerValue: unused,
          pause: unused,
          onRoom: () => {},
          ...{ monotonic: () => 0, jitter: () => 0.5, log },
        });
        const set = { cursor: "7" };
        intake.take({ op: "dispatch", id: 1, trigger: "p.t", payload: {}, key: "k", set }, 1);
      });
    },
    async (agent) => [await (await agent.values.of("p.S")).get("cursor"), ...(await agent.kinds())],
    ["7", "trigger"],
  ),
  "a value of an agent's own datastore": agentCase(
    async ({ values }) => (await values.of("p.S")).set("name", "value"),
    async ({ values }) => (await values.of("p.S")).get("name"),
    "value",
  ),
  "the packs that an agent has carried out": agentCase(
    ({ database, rows }) =>
      new AssignmentsStore(database, rows).saveApplied([
        { id: "A1", at: "", kind: "assignment", pack: "p", digest: "d", size: 1, config: {} },
      ]),
    async ({ database, rows }) => [...(await new AssignmentsStore(database, rows).applied()).keys()],
    ["p"],
  ),
};
