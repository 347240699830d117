/** What the library for MQTT's packets does with the first of them, in a process that has written none. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

/** Numbers that it keeps a buffer of, once `module` is loaded and a packet is written. */
async function kept(module: string | null): Promise<number> {
  const program = `
    ${module === null ? "" : `await import(${JSON.stringify(pathToFileURL(resolve(root, module)).href)});`}
    const { generate } = await import("mqtt-packet");
    generate({ cmd: "subscribe", messageId: 7, subscriptions: [{ topic: "a", qos: 1 }] });
    const { default: numbers } = await import("mqtt-packet/numbers.js");
    console.log(Object.keys(numbers.cache).length);
  `;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program];
  return Number((await promisify(execFile)(process.execPath, args, { cwd: root })).stdout);
}

test.each(["shared/mqtt/connection-mqtt.ts", "hub/broker/broker-mqtt.ts"])(
  "%s lets it keep no buffers, of which it would make 65,536",
  async (module) => {
    expect(await kept(module)).toBe(0);
  },
);

test.each(["mqtt", "aedes", "aedes-packet"])(
  "%s writes its packets with the copy that it is said to",
  (library) => {
    const own = createRequire(join(root, "package.json"));
    expect(createRequire(own.resolve(library)).resolve("mqtt-packet")).toBe(own.resolve("mqtt-packet"));
  },
);

test("left to itself it makes them all", async () => {
  expect(await kept(null)).toBe(65_536);
});
