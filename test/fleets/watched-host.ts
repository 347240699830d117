/** A folder of a host that its agent watches, and whether all that changes there is told, once. */
import { expect } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import type { DebianHost } from "./debian-process.ts";
import { json } from "./installed-host.ts";

interface Told {
  readonly status: string;
  readonly path: string;
  readonly offline: boolean;
}

const folder = "/srv/watched";

/** Hub and agent are on the same host. */
export class Watched {
  readonly #host: DebianHost;
  readonly #written: string[] = [];
  #rounds = 0;

  constructor(host: DebianHost) {
    this.#host = host;
  }

  /** Resolves once a change there is told. */
  async begin(): Promise<undefined> {
    await this.#host.sh(`mkdir -p ${folder}`);
    const paths = `paths=[{path: ${folder}}]`;
    await this.#host.sh(`petrel pack assign watch --labels role=web --set '${paths}' --wait`);
    // From the end of its first look on: what was there before belongs to the baseline.
    await waitUntil("its sensor to run", async () => {
      const sensors = await json<{ sensor: string; state: string }[]>(this.#host, "petrel", "sensor", "list");
      return sensors.some(({ sensor, state }) => sensor === "watch.FileWatch" && state === "running");
    });
    const writing = await this.write();
    await writing.end();
    await this.allTold();
    return undefined;
  }

  /** A file every 50 ms until `end`, each whole at once. */
  async write(): Promise<{ end(): Promise<void> }> {
    const round = `${folder}/round-${this.#rounds++}`;
    const stop = `/tmp/stop-${round.replaceAll("/", "-")}`;
    const made = `${stop}.made`;
    const loop = `n=0; while [ ! -e ${stop} ]; do n=$((n + 1)); echo $n > ${round}-$n; echo $n > ${made}; sleep 0.05; done; touch ${stop}.ended`;
    await this.#host.sh(`setsid sh -c '${loop}' > /dev/null 2>&1 < /dev/null &`);
    await waitUntil("some files", async () => Number((await this.#host.ask(`cat ${made}`)).stdout) >= 5);
    return {
      end: async () => {
        await this.#host.sh(`touch ${stop}`);
        await waitUntil(
          "it to have ended",
          async () => (await this.#host.ask(`test -e ${stop}.ended`)).code === 0,
        );
        const count = Number(await this.#host.sh(`cat ${made}`));
        for (let n = 1; n <= count; n++) this.#written.push(`${round}-${n}`);
      },
    };
  }

  /** Each file is told as created, once, and no gap is noted. */
  async allTold({ offline = false }: { readonly offline?: boolean } = {}): Promise<string> {
    const told = async () => {
      const lines = (await this.#host.sh("petrel file changes --ndjson")).trim().split("\n");
      const all = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Told);
      return all.filter(({ path, status }) => path.startsWith(`${folder}/round-`) && status === "created");
    };
    const all = await waitUntil(`all of ${this.#written.length} to be told`, async () => {
      const some = await told();
      const paths = new Set(some.map(({ path }) => path));
      return this.#written.every((path) => paths.has(path)) && some;
    });
    expect(all.map(({ path }) => path).toSorted()).toEqual(this.#written.toSorted());
    const last = `${folder}/round-${this.#rounds - 1}-`;
    if (offline) expect(all.filter((each) => each.path.startsWith(last) && !each.offline)).toEqual([]);
    const gaps = await json<unknown[]>(this.#host, "petrel", "gap", "list");
    expect(gaps).toEqual([]);
    return `${this.#written.length} files told once, ${all.filter((each) => each.offline).length} of them as changed while it was away`;
  }
}
