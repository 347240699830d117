/** A hub with its agent, told to end at every moment of its start. */
import { expect, test } from "vitest";
import { createHub, startDaemon } from "../support/fleet.ts";
import { expectNoOrphans } from "../support/stream.ts";

test("a stop in the middle of a start ends everything, and the next start finds all in order", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  const log = `${hub.data}.log`;
  const args = ["hub", "--dev", "--data", hub.data, "--http", "0", "--mqtt", "0", "--with-agent"];
  const endings: string[] = [];
  for (let delayMs = 0; delayMs <= 1_400; delayMs += 100) {
    const daemon = startDaemon("petrel", args, log);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    daemon.child.kill("SIGTERM");
    const { code, signal } = await daemon.ended();
    // Before it listens for signals it is simply gone.
    endings.push(code === 0 || signal === "SIGTERM" ? "ended" : `code ${code}, signal ${signal}`);
    await expectNoOrphans(daemon);
  }
  expect(endings).toEqual(endings.map(() => "ended"));
  await hub.start();
  expect(await hub.stop()).toBe(0);
});
