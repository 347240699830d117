/** The four places where an agent can die with an execution, and the outcome of each, through the whole product. */
import { describe, expect, test } from "vitest";
import type { ActionPoint } from "../../agent/kill-points.ts";
import { sharedByFile } from "../support/at-end.ts";
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
  readonly point: ActionPoint;
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

/** Every sensor tells one number; each agent dies with the execution that its own number leads to. */
async function dieEverywhere(action: StreamAction) {
  const hub = await createHub();
  await hub.start();
  const agents = await Promise.all(places.map(({ point }) => createAgent(hub, `dies-${point}`)));
  for (const [i, { point }] of places.entries()) agents[i]?.start({ PETREL_KILL_AT: point });
  const stream = await createStream(hub, agents, { count: 1, actions: [action] });
  stream.go();
  const endings = await Promise.all(
    agents.map(async (agent) => {
      const ended = await agent.daemon().ended();
      agent.start();
      return ended;
    }),
  );
  const history = await settledHistory(hub, stream, agents.length);
  return { hub, stream, history, endings };
}

describe.each<StreamAction>(["append", "append_again"])("an agent that dies with %s", (action) => {
  const shared = sharedByFile(() => dieEverywhere(action));

  test.each(places)("$place", async ({ point, [action]: { status, runs } }) => {
    const { stream, endings, history } = shared();
    expect(endings[places.findIndex((each) => each.point === point)]).toEqual({
      code: null,
      signal: "SIGKILL",
    });
    const agent = `dies-${point}`;
    const own = {
      instances: history.instances.filter(({ origin }) => origin.agent === agent),
      executions: history.executions.filter((each) => each.agent === agent),
    };
    expectOneFamilyEach(own, stream);
    const [execution] = own.executions;
    expect(execution?.status).toBe(status);
    if (status === "abandoned") expect(execution?.reason).toContain("agent died");
    // Delivered once: the record has come to its end once.
    expect(execution?.log.filter((entry) => entry.status === status)).toHaveLength(1);
    const written = linesByExecution(stream, action, history).get(execution?.id ?? "") ?? 0;
    expect(written).toBe(runs);
  });

  test("and nothing is set aside", async () => {
    const { hub, history } = shared();
    expect(history.executions).toHaveLength(places.length);
    await expectNothingSetAside(hub);
  });
});
