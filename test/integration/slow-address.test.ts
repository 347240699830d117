/** A hub whose name has several addresses, over a network that needs half a second for an answer. */
import { spawn } from "node:child_process";
import dns from "node:dns";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { tlsStream } from "../../shared/mqtt/tls-mqtt.ts";
import { waitUntil } from "../support/wait-until.ts";

test("an address that takes its time is reached, though the name has another one where nobody is", async () => {
  const program = join(import.meta.dirname, "../fixtures/programs/slow-to-accept.mjs");
  const child = spawn(process.execPath, [program, "600"], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [text] = await once(child.stdout, "data");
  const port = Number(String(text));
  child.stdin.write("go\n");
  await once(child.stdout, "data");
  // They take the room that there is: what comes now is dropped by the kernel, and sent again after a second.
  const waiting = Array.from({ length: 4 }, () => connect({ host: "127.0.0.2", port }));
  onTestFinished(() => waiting.forEach((socket) => void socket.destroy()));
  await waitUntil("the room to be taken", () => waiting.filter(({ connecting }) => !connecting).length >= 2);
  // As a hosts file or a DNS server would have it.
  const lookup = vi.spyOn(dns, "lookup").mockImplementation(((
    _host: string,
    _options: object,
    found: (error: null, addresses: readonly dns.LookupAddress[]) => void,
  ) =>
    setImmediate(found, null, [
      { address: "127.0.0.2", family: 4 },
      { address: "127.0.0.3", family: 4 },
    ])) as unknown as typeof dns.lookup);
  onTestFinished(() => lookup.mockRestore());
  const socket = tlsStream({ host: "hub.test", port }, { own: null, root: null });
  onTestFinished(() => void socket.destroy());
  let failure: unknown = null;
  socket.on("error", (error) => {
    failure = error;
  });
  await waitUntil("it to be connected, or to fail", () => failure !== null || !socket.connecting);
  expect(failure).toBeNull();
  expect(socket.remoteAddress).toBe("127.0.0.2");
});
