/** What arrives in pieces: lines of sensors and scripts, and the frames of MQTT. */
import { Buffer } from "node:buffer";
import { parseScriptMessage } from "../../../agent/actions/runners/script-protocol.ts";
import { type CutLine, encodeLine, LineCutter } from "../../../agent/sensors/lines.ts";
import { decodeAgentLine, decodeHead, decodeSensorLine } from "../../../agent/sensors/protocol.ts";
import { defaultFrameLimits, FrameScanner, opening } from "../../../shared/mqtt/frames.ts";
import type { Decoder } from "../campaign.ts";

const trigger = {
  id: "t",
  ref: "p.t",
  uid: "u",
  name: "t",
  pack: "p",
  type: "p.t",
  parameters: {},
  description: "",
};
const lines: readonly object[] = [
  {
    op: "dispatch",
    id: 1,
    trigger: "p.t",
    payload: { a: [1, 2.5, "ü"] },
    key: "k",
    set: { n: "v", m: null },
  },
  { op: "checkpoint", upTo: 3 },
  { op: "get_value", request: 1, name: "n", decrypt: true },
  { op: "set_value", request: 2, name: "n", value: "v", ttl: 5, encrypt: false },
  { op: "list_values", request: 3, prefix: "n", limit: 10, offset: 0 },
  { op: "delete_value", request: 4, name: "n", local: true },
  { op: "answer", request: 5, value: [1], error: { code: "C", message: "m" } },
  { op: "log", level: "info", message: "m", logger: "l" },
  { op: "ready" },
  { op: "error", message: "m", code: "C", detail: "d" },
  { op: "add_trigger", trigger },
  { op: "value", request: 1, value: "v" },
  { op: "accepted", upTo: 3 },
  { op: "ask", request: 1, question: "q", arguments: {} },
  { op: "stop", grace_seconds: 3 },
  { op: "result", succeeded: true, result: { a: 1 } },
];

export async function openLines(): Promise<Decoder> {
  const texts = lines.map((line) => encodeLine(line as never));
  return {
    name: "lines",
    seeds: [...texts, texts.join(""), "plain print\r\n\n"].map((text) => Buffer.from(text)),
    words: ["\n", "\r\n", '"op":"dispatch"', '"id":9007199254740993', '"request":-1', "\\u0000"],
    take(input) {
      let isTaken = false;
      // A small bound too: else no line is ever too long.
      for (const bound of [undefined, 200]) {
        const cutter = new LineCutter(bound);
        const cut: (CutLine | null)[] = [];
        // Pieces of a length that the input itself decides, so that a fault can be repeated.
        const step = 1 + ((input[0] ?? 0) % 7) * 97;
        for (let at = 0; at < input.length; at += step)
          cut.push(...cutter.push(input.subarray(at, at + step)));
        cut.push(cutter.end());
        for (const line of cut) {
          if (line === null) continue;
          if (line.kind === "dropped") decodeHead(line.head);
          else {
            isTaken = decodeSensorLine(line.text).kind === "message" || isTaken;
            isTaken = decodeAgentLine(line.text).kind === "message" || isTaken;
            parseScriptMessage(line.text);
            decodeHead(line.text.slice(0, 512));
          }
        }
      }
      return isTaken ? "taken" : "refused";
    },
  };
}

export async function openFrames(): Promise<Decoder> {
  const connect = Buffer.from("101000044d5154540402003c0004746573740a", "hex");
  const publish = Buffer.concat([Buffer.from("320a0003612f620001", "hex"), Buffer.from("abc")]);
  const first = connect.subarray(0, 18);
  return {
    name: "frames",
    seeds: [Buffer.concat([first, publish, publish]), Buffer.concat([first, Buffer.from("c000e000", "hex")])],
    maxBytes: 4 * 1024,
    take(input) {
      const scanner = new FrameScanner({ ...defaultFrameLimits, first: opening.connect, pieces: 16 });
      const step = 1 + ((input.at(-1) ?? 0) % 5) * 31;
      let fault = null;
      for (let at = 0; at < input.length; at += step) fault = scanner.scan(input.subarray(at, at + step));
      return fault === null ? "taken" : "refused";
    },
  };
}
