/** Load process of the floor: N agents of a client and a database each, two synced batches a chain. */
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { connectAsync } from "mqtt";
import { Committer } from "../shared/storage/committer-store.ts";
import { answerQuestions } from "./child-process.ts";
import { triggerOf } from "./fleet-pack.ts";
import { drive, type Load } from "./pace.ts";
import { cpuSeconds } from "./proc-fs.ts";

interface Start {
  readonly op: "start";
  readonly port: number;
  readonly folder: string;
  readonly agents: number;
}
interface Run {
  readonly op: "run";
  readonly load: Load;
  readonly pid: number;
}
interface Down {
  readonly upTo: number;
  readonly requests: readonly { readonly execution: number }[];
}
interface Entry {
  readonly n: number;
  readonly execution?: number;
}

const agents: { trigger(seq: number): void; stop(): Promise<void> }[] = [];
let ended: (seq: number) => void = () => {};
let first = 0;

async function agent(id: string, port: number, folder: string) {
  const client = await connectAsync({
    host: "127.0.0.1",
    port,
    clientId: id,
    clean: true,
    protocolVersion: 4,
  });
  const db = new ClassicLevel<string, string>(folder);
  await db.open();
  const committer = new Committer({ db });
  const unsent: Entry[] = [];
  let n = 0;
  let isSending = false;
  const append = (entries: readonly Entry[]) => {
    const ops = entries.map((entry) => ({
      type: "put" as const,
      key: `o/${String(entry.n).padStart(12, "0")}`,
      value: JSON.stringify(entry),
    }));
    void committer.commit({ ops, bytes: ops.length * 300, source: "agent" }).then(() => {
      unsent.push(...entries);
      if (isSending) return;
      isSending = true;
      setImmediate(() => {
        isSending = false;
        client.publish(`floor/up/${id}`, Buffer.from(JSON.stringify(unsent.splice(0))), { qos: 0 });
      });
    });
  };
  const results: { readonly n: number; readonly execution: number }[] = [];
  client.on("message", (_topic, payload) => {
    const { upTo, requests } = JSON.parse(payload.toString()) as Down;
    while ((results[0]?.n ?? Number.POSITIVE_INFINITY) <= upTo)
      ended((results.shift()?.execution ?? 0) - first);
    if (requests.length === 0) return;
    const made = requests.map(({ execution }) => ({
      n: ++n,
      execution,
      result: { result: null },
      at: new Date().toISOString(),
    }));
    results.push(...made);
    append(made);
  });
  return {
    trigger: (seq: number) => append([{ n: ++n, ...triggerOf(seq) }]),
    async stop() {
      client.end(true);
      await committer.close();
      await db.close();
    },
  };
}

async function start({ port, folder, agents: count }: Start): Promise<void> {
  for (let i = 0; i < count; i++) agents.push(await agent(`load-${i}`, port, join(folder, `agent-${i}`)));
}

async function run({ load, pid }: Run) {
  const cpu: number[] = [];
  const ownCpu: number[] = [];
  const measured = await drive(
    load,
    (n) => agents[n % agents.length]?.trigger(first + n),
    (tell) => {
      ended = tell;
    },
    () => {
      cpu.push(cpuSeconds(pid));
      ownCpu.push(cpuSeconds(process.pid));
    },
  );
  first += measured.begun;
  return {
    ...measured,
    cpuSeconds: (cpu[1] ?? 0) - (cpu[0] ?? 0),
    loadCpuSeconds: (ownCpu[1] ?? 0) - (ownCpu[0] ?? 0),
  };
}

const answers = { start, run };
answerQuestions<Start | Run>(
  (question) => answers[question.op](question as never),
  async () => {
    await Promise.all(agents.map((each) => each.stop()));
  },
);
