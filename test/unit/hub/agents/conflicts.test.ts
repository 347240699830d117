import { describe, expect, test } from "vitest";
import { Conflicts } from "../../../../hub/agents/conflicts.ts";
import { ProcessTurns } from "../../../../hub/agents/process-turns.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { AgentRecord } from "../../../../shared/model/agent.ts";
import type { AgentProcess } from "../../../../shared/wire/messages.ts";
import { anAgent, noon } from "../../../support/records.ts";

const minute = 60_000;
const process = (id: string): AgentProcess => ({ id, host: `host-${id}`, address: `10.0.0.${id}:4000` });

/** Each letter is a hello of that process, a second after the one before; the first turns that are seen. */
function turnsIn(hellos: string, apartMs = 1_000): string | null {
  const turns = new ProcessTurns();
  for (const [i, id] of [...hellos].entries()) {
    const seen = turns.spoke("web-1", process(id), i * apartMs);
    if (seen !== null) return `${i}: ${seen.first.id} ${seen.second.id}`;
  }
  return null;
}

describe("processes of one agent id", () => {
  test.each([
    ["one that says hello again and again", "AAAAAA", null],
    ["one after the other", "ABCDEFG", null],
    ["one that came back once: a late message may look like that", "ABAAAA", null],
    ["two in turns", "ABAB", "3: A B"],
    ["two in turns, each several times", "AABBBAAB", "7: A B"],
    ["two in turns after some that are gone", "XYABAB", "5: A B"],
    ["three in turns", "ABCA", null],
    ["three in turns, further on", "ABCAB", "4: A B"],
  ])("%s", (_, hellos, expected) => {
    expect(turnsIn(hellos)).toBe(expected);
  });

  test("that come back hours apart are no proof", () => {
    expect(turnsIn("ABABAB", 61 * minute)).toBeNull();
  });

  test("of other agents have nothing to do with it", () => {
    const turns = new ProcessTurns();
    for (const [i, id] of [..."ABABAB"].entries())
      expect(turns.spoke(`web-${id}`, process(id), i)).toBeNull();
  });

  test.each([
    ["five take-overs in a minute may be a network", [0, 1, 2, 3, 4], false],
    ["a sixth is too many", [0, 1, 2, 3, 4, 5], true],
    ["six in more than a minute are not", [0, 15, 30, 45, 59, 61], false],
  ])("%s", (_, seconds, expected) => {
    const turns = new ProcessTurns();
    const last = seconds.map((second) => turns.tookOver("web-1", second * 1_000)).at(-1);
    expect(last).toBe(expected);
  });
});

function bench(isAlive: boolean, agent = anAgent({ id: "web-1" })) {
  let record: AgentRecord = agent;
  let at = 0;
  const conflicts = new Conflicts({
    registry: {
      get: () => record,
      async update(_id, change) {
        record = change(record) ?? record;
        return record;
      },
    },
    answers: async () => isAlive,
    now: () => noon,
    monotonic: () => at++,
    log: silentLogger,
  });
  return { conflicts, record: () => record };
}

describe("a second session", () => {
  test("takes over from one that does not answer, and nothing is noted", async () => {
    const { conflicts, record } = bench(false);
    expect(await conflicts.mayTakeOver("web-1", "10.0.0.1:1", "10.0.0.2:2")).toBe(true);
    expect(record().conflict).toBeUndefined();
  });

  test("is refused while the first answers; both addresses are on record, further attempts add nothing", async () => {
    const { conflicts, record } = bench(true);
    await conflicts.greeted("web-1", process("A"), null);
    for (const port of [2, 3, 4]) {
      expect(await conflicts.mayTakeOver("web-1", "10.0.0.1:1", `10.0.0.2:${port}`)).toBe(false);
    }
    expect(record()).toMatchObject({
      rev: 2,
      conflict: {
        since: new Date(noon).toISOString(),
        parties: [
          { address: "10.0.0.1:1", host: "host-A", process: "A" },
          { address: "10.0.0.2:2", host: null, process: null },
        ],
      },
    });
    expect(await conflicts.mayTakeOver("web-1", "10.0.0.1:1", "10.0.0.3:1")).toBe(false);
    for (let i = 4; i < 20; i++) await conflicts.mayTakeOver("web-1", "10.0.0.1:1", `10.0.0.${i}:1`);
    expect(record().conflict?.parties).toHaveLength(4);
  });

  test("is refused from the sixth take-over in a minute on, whether or not the first answers", async () => {
    const { conflicts, record } = bench(false);
    const answers: boolean[] = [];
    for (let i = 0; i < 6; i++) answers.push(await conflicts.mayTakeOver("web-1", "a:1", "b:1"));
    expect(answers).toEqual([true, true, true, true, true, false]);
    expect(record().conflict?.parties).toHaveLength(2);
  });

  test("that speaks in turns with the first gets no answer to its hello; the first does", async () => {
    const { conflicts, record } = bench(true);
    const hello = (id: string) => conflicts.greeted("web-1", process(id), null);
    await hello("A");
    await hello("B");
    await hello("A");
    await expect(hello("B")).rejects.toMatchObject({ code: "AGENT_CONFLICT" });
    await hello("A");
    await expect(hello("B")).rejects.toMatchObject({ code: "AGENT_CONFLICT" });
    expect(record().conflict?.parties.map(({ process }) => process)).toEqual(["A", "B"]);
    // One that was started since may well be the first machine's.
    await hello("C");
  });

  test("is let in once somebody has resolved it, as long as there is only one", async () => {
    const { conflicts, record } = bench(true);
    for (const id of "ABA") await conflicts.greeted("web-1", process(id), null);
    await expect(conflicts.greeted("web-1", process("B"), null)).rejects.toThrow();
    expect((await conflicts.resolve("web-1")).conflict).toBeNull();
    await conflicts.greeted("web-1", process("B"), null);
    await conflicts.greeted("web-1", process("B"), null);
    expect(record().conflict).toBeNull();
    const { rev } = record();
    expect((await conflicts.resolve("web-1")).rev).toBe(rev);
  });
});
