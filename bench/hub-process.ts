/** A real hub in a process of its own, with the load's pack, and what its API says afterwards. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { readApiFile } from "../hub/http/api-file-fs.ts";
import { fleetPack } from "./fleet-pack.ts";

export interface BenchHub {
  readonly pid: number;
  readonly mqtt: string;
  readonly url: string;
  readonly key: string;
  /** A GET, or with a body a POST; throws when it is refused. */
  ask(path: string, body?: object): Promise<Response>;
  /**
   * Throws, with what was found, when not each of `chains` left all its records. With `of`, only those of these agents
   * are looked at.
   */
  verify(chains: number, of?: (agent: string) => boolean): Promise<void>;
  /** Those without labels, by name. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

export interface BenchHubOptions {
  /** A folder of its own; `log` in it holds what the hub says. */
  readonly folder: string;
  /** `null`: the embedded broker. */
  readonly brokerUrl: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  /** Its agents have to be enrolled; otherwise it runs in dev mode. */
  readonly enrolled?: boolean;
}

const cli = fileURLToPath(new URL("../hub/cli/petrel-cli.ts", import.meta.url));

export async function startHub(options: BenchHubOptions): Promise<BenchHub> {
  const data = join(options.folder, "hub");
  const broker = options.brokerUrl === null ? ["--mqtt", "127.0.0.1:0"] : ["--broker-url", options.brokerUrl];
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      ...options.execArgv,
      cli,
      "hub",
      ...(options.enrolled === true ? [] : ["--dev"]),
      ...["--data", data, "--http", "0", ...broker],
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } },
  );
  child.stderr.pipe(createWriteStream(join(options.folder, "log")));
  await Promise.race([
    once(createInterface(child.stdout), "line"),
    once(child, "exit").then(() => {
      throw new Error(`the hub ended at its start; see ${join(options.folder, "log")}`);
    }),
  ]);
  const file = await readApiFile(data);
  if (file === null) throw new Error(`the hub wrote no api.json to ${data}`);
  const { url, key, mqtt } = file;
  const ask = async (path: string, body?: object): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${key}`,
        accept: body === undefined ? "application/x-ndjson" : "application/json",
        "content-type": "application/json",
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  /** How many there are, and the first that is not as it should be. */
  const check = async (
    path: string,
    isWhole: (record: Fields) => boolean,
    isCounted: (record: Fields) => boolean,
  ) => {
    let count = 0;
    let odd: string | null = null;
    const { body } = await ask(path);
    if (body === null) throw new Error(`${path}: no body`);
    for await (const line of createInterface(Readable.fromWeb(body as never))) {
      const record = JSON.parse(line) as Fields;
      if (!isCounted(record)) continue;
      count++;
      if (!isWhole(record)) odd ??= line;
    }
    if (odd !== null) throw new Error(`${path}: ${odd}`);
    return count;
  };
  await ask("/v1/packs", { files: fleetPack() });
  return {
    pid: child.pid ?? 0,
    mqtt,
    url,
    key,
    ask,
    async verify(chains, of) {
      const counted = (agent: string | null | undefined) => of === undefined || of(agent ?? "");
      const instances = await check(
        "/v1/trigger-instances",
        ({ status }) => status === "processed",
        ({ origin }) => counted(origin?.agent),
      );
      const executions = await check(
        "/v1/executions",
        ({ status, result, log }) =>
          status === "succeeded" &&
          result?.succeeded === true &&
          ["scheduled", "running", "succeeded"].every((each) => log?.some((entry) => entry.status === each)),
        ({ agent }) => counted(agent),
      );
      // An enforcement does not say whose trigger it was.
      const enforcements =
        of === undefined
          ? await check(
              "/v1/rule-enforcements",
              ({ executions: made }) => made?.length === 1,
              () => true,
            )
          : chains;
      const counts = { instances, enforcements, executions };
      if (Object.values(counts).some((count) => count !== chains))
        throw new Error(`${chains} chains were begun, the hub has ${JSON.stringify(counts)}`);
    },
    async metrics() {
      const text = await (await ask("/metrics")).text();
      const lines = text.split("\n").filter((line) => /^[a-z_]+ /.test(line));
      return new Map(
        lines.map((line): [string, number] => [line.replace(/ .*/, ""), Number(line.replace(/.* /, ""))]),
      );
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

/** What of the API's records is looked at. */
interface Fields {
  readonly agent?: string;
  readonly origin?: { readonly agent: string | null };
  readonly status?: string;
  readonly executions?: readonly string[];
  readonly result?: { readonly succeeded?: boolean } | null;
  readonly log?: readonly { readonly status: string }[];
}
