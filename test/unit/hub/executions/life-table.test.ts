/** All pairs of statuses, and all reports of agents in each status: written out, so that none changes unseen. */
import { describe, expect, test } from "vitest";
import { type EventType, nextStatus, step } from "../../../../hub/executions/life.ts";
import { applyUpdate } from "../../../../hub/executions/update.ts";
import { type Status, statuses } from "../../../../shared/model/execution.ts";
import type { ExecutionUpdateEntry } from "../../../../shared/wire/messages.ts";
import { anExecution, noon } from "../../../support/records.ts";

const events = Object.keys({
  delay: 0,
  schedule: 0,
  start: 0,
  succeed: 0,
  fail: 0,
  expire: 0,
  cancel: 0,
  stopped: 0,
  lose: 0,
  pause: 0,
  paused: 0,
  resume: 0,
  wait: 0,
  answer: 0,
} satisfies Record<EventType, 0>) as EventType[];

/**
 * `S`: as in StackStorm (st2 docs, Actions: statuses). `P`: Petrel's own. `x`: StackStorm's, and not here on purpose.
 * `.`: in neither. Columns in the order of `statuses`.
 */
const pairs: Readonly<Record<Status, string>> = {
  //          requested
  //          | delayed
  //          | | scheduled
  //          | | | running
  //          | | | | succeeded
  //          | | | | | failed
  //          | | | | | | timeout
  //          | | | | | | | abandoned
  //          | | | | | | | | canceling
  //          | | | | | | | | | canceled
  //          | | | | | | | | | | pending
  //          | | | | | | | | | | | pausing
  //          | | | | | | | | | | | | paused
  //          | | | | | | | | | | | | | resuming
  // It ends before it is sent when it expires or cannot be sent. A policy cancels it at once: nothing runs of it yet.
  requested: ". S S . . P P . x S . . . .",
  delayed: "  . . S . . P P . x S . . . .",
  // An agent may have begun although the hub does not know: a cancel waits for its word.
  scheduled: ". . . S P P P P P S . . . .",
  // Once more of an idempotent action; canceled and paused when the agent knows of the wish before the hub does.
  running: "  . . . P S S S S S P S S P .",
  // The last word of an action that had ended before the wish reached it counts.
  canceling: ". . . . P . . P P S . . . .",
  pausing: "  . . . . P P P P S P . . S .",
  // Its processes may have gone another way than by its agent.
  paused: "   . . . . P P P P P S . . . S",
  resuming: " . . . S P P P P P P . . . .",
  pending: "  . . . . S P S . . P . . . .",
  succeeded: ". . . . . . . . . . . . . .",
  failed: "   . . . . . . . . . . . . . .",
  timeout: "  . . . . . . . . . . . . . .",
  abandoned: ". . . . . . . . . . . . . .",
  canceled: " . . . . . . . . . . . . . .",
};

describe.each(statuses)("from %s", (from) => {
  const marks = pairs[from].trim().split(/\s+/);
  test("there is a mark for each status", () => expect(marks).toHaveLength(statuses.length));

  test.each(statuses.map((to, at) => [to, marks[at] ?? ""]))("to %s: %s", (to, mark) => {
    const leading = events.filter((event) => nextStatus(from, event) === to);
    expect(leading.length > 0, leading.join()).toBe(mark === "S" || mark === "P");
  });

  test("an event that does not fit changes nothing", () => {
    const execution = anExecution({ status: from });
    for (const type of events.filter((event) => nextStatus(from, event) === null))
      expect(step(execution, { type, at: noon })).toEqual({ moved: false, reason: `${type} while ${from}` });
  });
});

/** What an agent can say, and what comes of it: a status, or why it has no effect. */
const said = ["running", "succeeded", "failed", "timeout", "abandoned", "canceled", "paused"] as const;
type Said = (typeof said)[number] & ExecutionUpdateEntry["status"];

const ended = (status: Status): readonly string[] => [
  "late",
  ...said.slice(1, -1).map((each) => (each === status ? "duplicate" : "late")),
  "late",
];
const unsent = ["unfit", "unfit", "failed", "timeout", "unfit", "unfit", "unfit"];
const told: Readonly<Record<Status, readonly string[]>> = {
  requested: unsent,
  delayed: unsent,
  scheduled: ["running", "succeeded", "failed", "timeout", "abandoned", "canceled", "unfit"],
  running: ["running", "succeeded", "failed", "timeout", "abandoned", "canceled", "paused"],
  canceling: ["canceling", "succeeded", "canceled", "canceled", "abandoned", "canceled", "unfit"],
  pending: ["unfit", "unfit", "failed", "timeout", "unfit", "unfit", "unfit"],
  pausing: ["unfit", "succeeded", "failed", "timeout", "abandoned", "canceled", "paused"],
  paused: ["unfit", "succeeded", "failed", "timeout", "abandoned", "canceled", "duplicate"],
  resuming: ["running", "succeeded", "failed", "timeout", "abandoned", "canceled", "unfit"],
  succeeded: ended("succeeded"),
  failed: ended("failed"),
  timeout: ended("timeout"),
  // A true result is kept beside it.
  abandoned: ["late", "abandoned", "abandoned", "abandoned", "duplicate", "late", "late"],
  canceled: ended("canceled"),
};

describe.each(statuses)("of an execution that is %s", (from) => {
  test.each(said.map((status, at): [Said, string] => [status, told[from][at] ?? ""]))(
    "the report %s: %s",
    (status, expected) => {
      const execution = anExecution({ status: from });
      const entry: ExecutionUpdateEntry = {
        kind: "execution-update",
        id: "U",
        at: new Date(noon).toISOString(),
        execution: execution.id,
        status,
      };
      const applied = applyUpdate(execution, entry, noon, 0);
      expect(applied.changed ? applied.execution.status : applied.kind).toBe(expected);
    },
  );
});
