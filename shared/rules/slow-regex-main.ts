/** The worker thread's program: one question in, one answer out. */
import { parentPort } from "node:worker_threads";
import type { RegexAnswer, RegexRequest } from "../expressions/regex/answer.ts";
import { runNative } from "../expressions/regex/native.ts";

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

port.on("message", (request: RegexRequest) => {
  const answer: RegexAnswer = { matches: runNative(request) };
  port.postMessage(answer);
});
port.postMessage("ready");
