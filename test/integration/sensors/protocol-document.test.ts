/** What docs/sensor-protocol.md shows is true. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { decodeAgentLine, decodeSensorLine } from "../../../agent/sensors/protocol.ts";
import { startSensorBench, writeSensor } from "../../support/sensor-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const document = await readFile(
  fileURLToPath(new URL("../../../docs/sensor-protocol.md", import.meta.url)),
  "utf8",
);
const block = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(document)?.[1] ?? "";

test("the example session consists of messages, but for the one that it shows being refused", () => {
  const lines = block("")
    .split("\n")
    .filter((line) => line !== "");
  expect(lines.length).toBeGreaterThan(8);
  const kinds = lines.map((line) =>
    line.startsWith("> ") ? decodeAgentLine(line.slice(2)).kind : decodeSensorLine(line.slice(2)).kind,
  );
  expect(kinds.filter((kind) => kind !== "message")).toEqual(["invalid"]);
});

test("the example program is a sensor: it dispatches, and ends when it is stopped", async () => {
  const folder = await tempFolder();
  const bench = await startSensorBench({ data: folder });
  const source = block("sh");
  bench.host.apply([await writeSensor(join(folder, "pack"), { entryPoint: "usage", source })]);
  const [trigger] = await waitUntil("the first trigger", async () => {
    const found = await bench.triggers();
    return found.length > 0 ? found : null;
  });
  expect(trigger).toMatchObject({ trigger: "disk.usage", payload: { percent: expect.any(Number) } });
  bench.host.apply([]);
  await waitUntil("stopped", async () => (await bench.events()).at(-1)?.state === "stopped");
  expect((await bench.events()).filter(({ state }) => state === "backing-off")).toEqual([]);
});
