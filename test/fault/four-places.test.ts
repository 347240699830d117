/** The four places where an agent can die with an execution, and the outcome of each, through the whole product. */
import { describe, expect, test } from "vitest";
import type { KillPoint } from "../../agent/actions/kill-point-process.ts";
import { createAgent, createHub } from "../support/fleet.ts";
import {
  createStream,
  expectNothingSetAside,
  expectOneFamilyEach,
  linesByExecution,
  type StreamAction,
  settledHistory,
} from "../support/stream.ts";

interface Outcome {
  readonly status: "succeeded" | "abandoned";
  /** How often the action has run in the end. */
  readonly runs: number;
}

const ran: Outcome = { status: "succeeded", runs: 1 };

const places: readonly {
  readonly place: string;
  readonly point: KillPoint;
  readonly append: Outcome;
  readonly append_again: Outcome;
}[] = [
  { place: "before the journal", point: "before-journal", append: ran, append_again: ran },
  { place: "journalled, not started", point: "after-accepted", append: ran, append_again: ran },
  {
    place: "started, nothing done yet",
    point: "after-started",
    append: { status: "abandoned", runs: 0 },
    append_again: ran,
  },
  {
    place: "started and done, no result",
    point: "before-result",
    append: { status: "abandoned", runs: 1 },
    append_again: { status: "succeeded", runs: 2 },
  },
  { place: "result stored, not delivered", point: "after-result", append: ran, append_again: ran },
];

const rows = places.flatMap(({ place, point, ...outcomes }) =>
  (["append", "append_again"] as const).map((action: StreamAction) => ({
    place,
    point,
    action,
    ...outcomes[action],
  })),
);

describe("an agent that dies", () => {
  test.each(rows)("$place: $action has $status after $runs runs", async ({ point, action, status, runs }) => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    await hub.start();
    agent.start({ PETREL_KILL_AT: point });
    const stream = await createStream(hub, agent, { count: 1, actions: [action] });
    stream.go();
    expect(await agent.daemon().ended()).toEqual({ code: null, signal: "SIGKILL" });
    agent.start();
    const history = await settledHistory(hub, stream);
    expectOneFamilyEach(history, stream);
    const [execution] = history.executions;
    expect(execution?.status).toBe(status);
    if (status === "abandoned") expect(execution?.reason).toContain("agent died");
    // Delivered once: the record has come to its end once.
    expect(execution?.log.filter((entry) => entry.status === status)).toHaveLength(1);
    const written = linesByExecution(stream, action, history);
    expect([...written.values()]).toEqual(runs === 0 ? [] : [runs]);
    await expectNothingSetAside(hub);
  });
});
