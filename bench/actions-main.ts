/** Load process: starts executions through the hub's API, and hears of their ends from its stream. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { answerQuestions } from "./child-process.ts";
import { drive, type Load } from "./pace.ts";

interface Start {
  readonly op: "start";
  readonly url: string;
  readonly key: string;
}
interface Run {
  readonly op: "run";
  readonly action: string;
  readonly host: string;
  readonly load: Load;
}

const finals: ReadonlySet<string> = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);
const stopped = new AbortController();
let hub: Start | null = null;
let ended: (n: number) => void = () => {};
const numbers = new Map<string, number>();
/** Ended before the API had said which execution it is. */
const early = new Set<string>();

const ask = async (path: string, body?: object): Promise<Response> => {
  if (hub === null) throw new Error("start comes first");
  const response = await fetch(`${hub.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${hub.key}`, "content-type": "application/json" },
    signal: stopped.signal,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
};

const settle = (id: string) => {
  const n = numbers.get(id);
  if (n === undefined) early.add(id);
  else {
    numbers.delete(id);
    ended(n);
  }
};

const listen = async (): Promise<void> => {
  const { body } = await ask("/v1/stream?types=execution");
  if (body === null) throw new Error("the stream has no body");
  const lines = createInterface(Readable.fromWeb(body as never));
  void (async () => {
    for await (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const { id, status, reason } = JSON.parse(line.slice(5)) as Record<string, string>;
      if (status === undefined || id === undefined || !finals.has(status)) continue;
      if (status !== "succeeded") throw new Error(`${id} is ${status}: ${reason}`);
      settle(id);
    }
  })().catch((error) => {
    if (!stopped.signal.aborted) throw error;
  });
};

const begin = async (n: number, action: string, host: string): Promise<void> => {
  const answer = await ask("/v1/executions", { action, target: { host } });
  const { items } = (await answer.json()) as { readonly items: readonly { readonly id: string }[] };
  const [{ id }] = items as [{ readonly id: string }];
  numbers.set(id, n);
  if (early.delete(id)) settle(id);
};

const reply = async (question: Start | Run): Promise<unknown> => {
  if (question.op === "start") {
    hub = question;
    return listen();
  }
  const { action, host, load } = question;
  return drive(
    load,
    (n) => void begin(n, action, host),
    (onEnded) => {
      ended = onEnded;
    },
    () => {},
  );
};

answerQuestions(reply, async () => stopped.abort());
