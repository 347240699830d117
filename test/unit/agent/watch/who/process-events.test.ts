import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { decodeExecEvents, isLinker } from "../../../../../agent/watch/who/exec-events.ts";
import { decodeProcessEvents, listenRequest } from "../../../../../agent/watch/who/process-events.ts";

/** A datagram of the connector: kind, time in ns, then the numbers of the event. */
function datagram(kind: number, numbers: readonly number[], { index = 1, ack = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(16 + 20 + 40);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(3, 4);
  bytes.writeUInt32LE(index, 16);
  bytes.writeUInt32LE(1, 20);
  bytes.writeUInt32LE(ack, 28);
  bytes.writeUInt16LE(40, 32);
  bytes.writeUInt32LE(kind, 36);
  bytes.writeBigUInt64LE(5_000_000n, 44);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, 52 + at * 4);
  return bytes;
}

test.each([
  ["a fork", datagram(1, [10, 9, 20, 20]), [{ kind: "fork", at: 5, pid: 20, parent: 9 }]],
  ["a new thread", datagram(1, [10, 9, 21, 20]), []],
  ["a program started, by whichever thread", datagram(2, [21, 20]), [{ kind: "exec", at: 5, pid: 20 }]],
  ["another user", datagram(4, [20, 20, 33, 33]), [{ kind: "uid", at: 5, pid: 20, uid: 33 }]],
  ["an end", datagram(0x80000000, [20, 20, 0, 17]), [{ kind: "exit", at: 5, pid: 20 }]],
  ["the end of a thread", datagram(0x80000000, [21, 20, 0, 17]), []],
  ["an answer", datagram(0, [1], { ack: 8 }), [{ kind: "answer", request: 7, error: 1 }]],
  ["somebody else's message", datagram(2, [20, 20], { index: 4 }), []],
  ["a kind that was not asked for", datagram(0x200, [20, 20]), []],
  ["two in one read", Buffer.concat([datagram(2, [1, 1]), datagram(2, [2, 2])]), [{ pid: 1 }, { pid: 2 }]],
  ["what is cut", datagram(2, [20, 20]).subarray(0, 50), []],
  ["what says it is longer than it is", Buffer.from([255, 255, 0, 0, ...new Array(40).fill(0)]), []],
  ["nothing", Buffer.alloc(0), []],
])("%s is read from the connector", (_, bytes, events) => {
  expect(decodeProcessEvents(bytes)).toMatchObject(events);
});

test("a request is numbered where the kernel leaves the number alone", () => {
  expect(listenRequest(7, 1, false)).toHaveLength(40);
  expect(listenRequest(7, 1, false).readUInt32LE(28)).toBe(7);
  expect(listenRequest(7, 1, true).readUInt32LE(40)).toBe(0x80000007);
});

test("files opened to be run are read from fanotify, also when the queue was full", () => {
  const event = (mask: number, fd: number, pid: number) => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32LE(24, 0);
    bytes.writeUInt16LE(24, 6);
    bytes.writeUInt32LE(mask, 8);
    bytes.writeInt32LE(fd, 16);
    bytes.writeInt32LE(pid, 20);
    return bytes;
  };
  const bytes = Buffer.concat([event(0x1000, 5, 77), event(0x4000, -1, 0)]);
  expect(decodeExecEvents(bytes)).toEqual([
    { fd: 5, pid: 77, isOverflow: false },
    { fd: -1, pid: 0, isOverflow: true },
  ]);
  expect(decodeExecEvents(Buffer.concat([event(0x1000, 5, 77), Buffer.from([9, 0, 0, 0])]))).toHaveLength(1);
});

test.each([
  ["/usr/lib64/ld-linux-x86-64.so.2", true],
  ["/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", true],
  ["/lib/ld-musl-x86_64.so.1", true],
  ["/lib/ld-2.31.so", true],
  ["/lib/ld64.so.2", true],
  ["/usr/bin/ld", false],
  ["/usr/bin/touch", false],
  ["/opt/ld-linux/run", false],
])("%s is the linker: %s", (path, is) => {
  expect(isLinker(path)).toBe(is);
});
