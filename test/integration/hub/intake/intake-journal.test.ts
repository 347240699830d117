/** The file that outlives a killed hub: what each agent's intake was at, and nothing of the present life. */
import { appendFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openIntakeRecords } from "../../../../hub/intake/intake-journal-fs.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

function open(folder: string) {
  const records = openIntakeRecords(folder);
  onTestFinished(() => records.close());
  return records;
}
const record = (from: number, crashes = 0) => ({ epoch: "E1", from, to: from + 9, crashes });

it("the next life reads what the last one wrote, agent by agent", async () => {
  const folder = await tempFolder("intake");
  const first = open(folder);
  const agents = Array.from({ length: 50 }, (_, n) => `web-${n}`);
  const written = agents.map((agent, n) => first.write(agent, record(n)));
  await Promise.all([...written, first.write("web-7", record(700, 2))]);
  const next = open(folder);
  expect(next.read("web-7")).toEqual(record(700, 2));
  expect(next.read("web-49")).toEqual(record(49));
  expect(next.read("web-50")).toBeNull();
});

it("what this life takes in is no suspicion against itself, however often a link is opened", async () => {
  const folder = await tempFolder("intake");
  await open(folder).write("web-1", record(1, 1));
  const records = open(folder);
  expect(records.read("web-1")).toEqual(record(1, 1));
  const written = records.write("web-1", record(5));
  expect(records.read("web-1")).toBeNull();
  await written;
  expect(open(folder).read("web-1")).toEqual(record(5));
});

it("a slot that a power cut tore counts as empty, and the others count", async () => {
  const folder = await tempFolder("intake");
  const first = open(folder);
  await Promise.all([first.write("web-1", record(1)), first.write("web-2", record(2))]);
  const file = join(folder, "intake");
  truncateSync(file, 512 + 30);
  expect([open(folder).read("web-1"), open(folder).read("web-2")]).toEqual([record(1), null]);
  appendFileSync(file, Buffer.alloc(2_000, 0xff));
  const next = open(folder);
  expect(next.read("web-1")).toEqual(record(1));
  await next.write("web-3", record(3));
  expect(open(folder).read("web-3")).toEqual(record(3));
});

it("slots that are written together keep their places, whichever they are", async () => {
  const folder = await tempFolder("intake");
  const first = open(folder);
  const agents = Array.from({ length: 9 }, (_, n) => `web-${n}`);
  await Promise.all(agents.map((agent) => first.write(agent, record(1))));
  await Promise.all([6, 2, 3].map((n) => first.write(`web-${n}`, record(50 + n))));
  const next = open(folder);
  const from = agents.map((agent) => next.read(agent)?.from);
  expect(from).toEqual([1, 1, 52, 53, 1, 1, 56, 1, 1]);
});
