import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { WorkLine } from "../../../../../agent/watch/reading/work-line.ts";

test("work is done in the order it was added, one after the other, and only so much waits", async () => {
  const line = new WorkLine(3);
  const said: string[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const adding = (async () => {
    for (const [n, gate] of gates.entries()) {
      await line.add(async () => {
        said.push(`begun ${n}`);
        await gate.promise;
        said.push(`done ${n}`);
      });
      said.push(`added ${n}`);
    }
    await line.end();
  })();
  await turn();
  expect(said).toEqual(["begun 0", "added 0", "added 1"]);
  gates[0]?.resolve();
  await turn();
  expect(said.slice(3)).toEqual(["done 0", "begun 1", "added 2"]);
  for (const gate of gates) gate.resolve();
  await adding;
  expect(said.filter((text) => text.startsWith("done"))).toEqual(["done 0", "done 1", "done 2", "done 3"]);
});

test("a failure is told to who adds the next or waits for the end, and what is behind it is not begun", async () => {
  const line = new WorkLine(2);
  let isBegun = false;
  await line.add(() => Promise.reject(new Error("full")));
  const second = line.add(async () => {
    isBegun = true;
  });
  await expect(second).rejects.toThrow("full");
  await expect(line.end()).rejects.toThrow("full");
  expect(isBegun).toBe(false);
});
