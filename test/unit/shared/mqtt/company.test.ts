/** What leaves a socket together. */

import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { holdForCompany, isHeldForCompany } from "../../../../shared/mqtt/company-mqtt.ts";

function socket() {
  const writes: string[] = [];
  const stream = new Writable({
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join("+"));
      done();
    },
  });
  return { stream, writes };
}

describe("what is written within one turn", () => {
  test("leaves together, also what is written later in it", async () => {
    const { stream, writes } = socket();
    for (const text of ["receipt", "request"]) {
      // As the broker does it: it puts each write off.
      setImmediate(() => stream.write(text));
      holdForCompany(stream);
    }
    stream.write("ack");
    expect(writes).toEqual([]);
    await turn();
    await turn();
    expect(writes).toEqual(["ack+receipt+request"]);
  });
  test("does not wait for the next turn", async () => {
    const { stream, writes } = socket();
    for (const text of ["one", "two"]) {
      holdForCompany(stream);
      stream.write(text);
      await turn();
      await turn();
    }
    expect(writes).toEqual(["one", "two"]);
  });
  test("can be joined until it has left", async () => {
    const { stream } = socket();
    expect(isHeldForCompany(stream)).toBe(false);
    holdForCompany(stream);
    stream.write("packet");
    await Promise.resolve();
    expect(isHeldForCompany(stream)).toBe(true);
    await turn();
    expect(isHeldForCompany(stream)).toBe(false);
  });
  test("nothing is held for one that is gone", async () => {
    const { stream } = socket();
    stream.destroy();
    holdForCompany(stream);
    expect(stream.writableCorked).toBe(0);
  });
});
