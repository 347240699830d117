/** Hub process of the floor: a broker and a database, two synced batches a chain, and nothing that makes a hub. */
import { createServer, type Socket } from "node:net";
import { Aedes, type Client } from "aedes";
import { ClassicLevel } from "classic-level";
import { Committer, type StoreOp } from "../shared/storage/committer-store.ts";
import { answerQuestions } from "./child-process.ts";

interface Start {
  readonly op: "start";
  readonly folder: string;
}
interface Up {
  readonly n: number;
  readonly trigger?: string;
  readonly payload?: {
    readonly seq: number;
    readonly kind: string;
    readonly path: string;
    readonly size: number;
  };
  readonly execution?: number;
  readonly result?: object;
}

let broker: Aedes | null = null;
let database: ClassicLevel<string, string> | null = null;

async function start({ folder }: Start): Promise<number> {
  const db = new ClassicLevel<string, string>(folder, { writeBufferSize: 16 * 1024 * 1024 });
  await db.open();
  database = db;
  const committer = new Committer({ db });
  let waiting: { readonly client: Client; readonly entries: readonly Up[] }[] = [];
  let isRunning = false;
  const run = async () => {
    isRunning = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const taken = waiting;
      waiting = [];
      const ops: StoreOp[] = [];
      const put = (key: string, value: object) =>
        ops.push({ type: "put", key, value: JSON.stringify(value) });
      const answers = new Map<Client, { upTo: number; requests: object[] }>();
      for (const { client, entries } of taken) {
        const answer = answers.get(client) ?? { upTo: 0, requests: [] };
        answers.set(client, answer);
        for (const entry of entries) {
          answer.upTo = entry.n;
          if (entry.payload !== undefined) {
            const { seq } = entry.payload;
            const request = { execution: seq, action: "load.touch", parameters: { seq } };
            put(`i/${seq}`, {
              ...entry,
              agent: client.id,
              at: new Date().toISOString(),
              status: "processed",
            });
            put(`e/${seq}`, { ...request, agent: client.id, status: "requested" });
            put(`d/${client.id}/${seq}`, request);
            answer.requests.push(request);
          } else {
            put(`e/${entry.execution}`, { ...entry, agent: client.id, status: "succeeded" });
            ops.push({ type: "del", key: `d/${client.id}/${entry.execution}` });
          }
        }
        put(`m/${client.id}`, { n: answer.upTo });
      }
      await committer.commit({ ops, bytes: ops.length * 300, source: "hub" });
      for (const [client, answer] of answers) {
        const payload = Buffer.from(JSON.stringify(answer));
        client.publish(
          { cmd: "publish", topic: `floor/down/${client.id}`, payload, qos: 0, retain: false, dup: false },
          () => {},
        );
      }
    }
    isRunning = false;
  };
  const aedes = await Aedes.createBroker({
    authorizePublish: (client, packet, done) => {
      if (client !== null) {
        waiting.push({ client, entries: JSON.parse(packet.payload.toString()) as Up[] });
        if (!isRunning) void run();
      }
      done(null);
    },
    authorizeForward: (_client, packet) => ("clientId" in packet ? null : packet),
  });
  broker = aedes;
  const server = createServer({ noDelay: true }, (socket: Socket) => void aedes.handle(socket)).listen(
    0,
    "127.0.0.1",
  );
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

answerQuestions<Start>(start, async () => {
  broker?.close();
  await database?.close();
});
