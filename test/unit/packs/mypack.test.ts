/** The sample pack's sensor and action, on real folders. */
import { appendFile, chmod, mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import OutputContext from "../../../packs/mypack/actions/output_context.ts";
import { DirectorySensor } from "../../../packs/mypack/sensors/directory_sensor.ts";
import type { Json, JsonObject, SensorService } from "../../../packs/mypack/types/petrel.d.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** An agent's disk: values, and triggers with their keys, both surviving the sensor. */
class Disk {
  readonly values = new Map<string, string>();
  readonly triggers: JsonObject[] = [];
  readonly #held = new Map<string, "this life" | "earlier">();
  /** Dispatches after which the sensor's process dies: the disk has them, the sensor was never told. */
  dieAfter = Number.POSITIVE_INFINITY;
  readonly warnings: string[] = [];

  /** The service of one life of the sensor. */
  service(): SensorService {
    for (const key of this.#held.keys()) this.#held.set(key, "earlier");
    const page = (prefix = "") => [...this.values].filter(([name]) => name.startsWith(prefix)).sort();
    return {
      pollInterval: 4,
      logger: () => ({ ...logger, warn: (message) => void this.warnings.push(message) }),
      getValue: async (name) => this.values.get(name) ?? null,
      setValue: async (name, value) => void this.values.set(name, value),
      deleteValue: async (name) => this.values.delete(name),
      listValues: async ({ prefix, limit = 100, offset = 0 } = {}) =>
        page(prefix)
          .slice(offset, offset + limit)
          .map(([name, value]) => ({ name, value })),
      dispatch: async (trigger, payload, { key = "", set = {} } = {}) => {
        if (this.dieAfter <= 0) throw new Error("killed");
        if (!this.#held.has(key)) {
          this.triggers.push({ trigger, payload });
          for (const [name, value] of Object.entries(set)) {
            if (value === null) this.values.delete(name);
            else this.values.set(name, String(value));
          }
        }
        this.#held.set(key, "this life");
        if (--this.dieAfter === 0) throw new Error("killed");
        return this.triggers.length;
      },
      checkpoint: ({ earlier = false } = {}) => {
        for (const [key, life] of this.#held) if (earlier || life === "this life") this.#held.delete(key);
      },
    };
  }

  told(): readonly (readonly [status: Json, path: Json])[] {
    return this.triggers
      .splice(0)
      .map(({ payload }) => payload as JsonObject)
      .map(({ status, path }) => [status ?? null, path ?? null] as const)
      .sort((a, b) => (String(a[1]) < String(b[1]) ? -1 : 1));
  }
}

async function start(disk: Disk, directories: readonly string[]): Promise<DirectorySensor> {
  const sensor = new DirectorySensor(disk.service(), { sensor: { directories } });
  await sensor.setup();
  return sensor;
}

describe("DirectorySensor", () => {
  test("tells what came, changed and went, in folders below too, each once", async () => {
    const folder = await tempFolder();
    const [a, b, c] = [join(folder, "a"), join(folder, "below", "b"), join(folder, "c")];
    await writeFile(a, "1");
    await writeFile(c, "1");
    const disk = new Disk();
    const sensor = await start(disk, [folder]);
    await sensor.poll();
    expect(disk.told()).toEqual([]);

    await writeFile(a, "22");
    await mkdir(join(folder, "below"));
    await writeFile(b, "1");
    await rm(c);
    await sensor.poll();
    expect(disk.told()).toEqual([
      ["modified", a],
      ["created", b],
      ["deleted", c],
    ]);
    await sensor.poll();
    expect(disk.told()).toEqual([]);
  });

  test("gives the time of the modification", async () => {
    const folder = await tempFolder();
    const disk = new Disk();
    const sensor = await start(disk, [folder]);
    await writeFile(join(folder, "a"), "");
    await utimes(join(folder, "a"), 1_700_000_000, 1_700_000_000.5);
    await sensor.poll();
    expect(disk.triggers).toEqual([
      {
        trigger: "mypack.changed_file",
        payload: { path: join(folder, "a"), time: "2023-11-14T22:13:20.500Z", status: "created" },
      },
    ]);
  });

  test("at its very first start takes what is there as known", async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, "old"), "");
    const disk = new Disk();
    await (await start(disk, [folder])).poll();
    expect(disk.told()).toEqual([]);
  });

  test("takes a missing folder as empty: when it appears, all its files are created", async () => {
    const folder = join(await tempFolder(), "later");
    const disk = new Disk();
    const sensor = await start(disk, [folder]);
    await sensor.poll();
    await mkdir(folder);
    await writeFile(join(folder, "a"), "");
    await sensor.poll();
    expect(disk.told()).toEqual([["created", join(folder, "a")]]);
    await rm(folder, { recursive: true });
    await sensor.poll();
    expect(disk.told()).toEqual([["deleted", join(folder, "a")]]);
  });

  test("tells after a restart what changed while it was away", async () => {
    const folder = await tempFolder();
    const [a, b, c] = [join(folder, "a"), join(folder, "b"), join(folder, "c")];
    const disk = new Disk();
    const first = await start(disk, [folder]);
    await writeFile(a, "");
    await writeFile(b, "");
    await first.poll();
    disk.told();

    await writeFile(a, "more");
    await rm(b);
    await writeFile(c, "");
    await (await start(disk, [folder])).poll();
    expect(disk.told()).toEqual([
      ["modified", a],
      ["deleted", b],
      ["created", c],
    ]);
    await (await start(disk, [folder])).poll();
    expect(disk.told()).toEqual([]);
  });

  test.for([0, 1, 3, 6])(
    "killed after %i of 6 triggers, tells the rest after the restart, none twice",
    async (count) => {
      const folder = await tempFolder();
      const disk = new Disk();
      await start(disk, [folder]);
      const paths = Array.from({ length: 6 }, (_, i) => join(folder, `f${i}`));
      for (const path of paths) await writeFile(path, "");

      disk.dieAfter = count;
      const dying = await start(disk, [folder]);
      await expect(dying.poll()).rejects.toThrow("killed");
      disk.dieAfter = Number.POSITIVE_INFINITY;
      await (await start(disk, [folder])).poll();
      expect(disk.told()).toEqual(paths.map((path) => ["created", path]));
    },
  );

  test("a file moved away and back is told each time, though it is the same file", async () => {
    const folder = await tempFolder();
    const [inside, outside] = [join(folder, "in", "a"), join(folder, "out")];
    await mkdir(join(folder, "in"));
    await writeFile(inside, "");
    const disk = new Disk();
    const sensor = await start(disk, [join(folder, "in")]);
    for (let round = 0; round < 2; round++) {
      await rename(inside, outside);
      await sensor.poll();
      await rename(outside, inside);
      await sensor.poll();
    }
    expect(disk.triggers.map(({ payload }) => (payload as JsonObject).status)).toEqual([
      "deleted",
      "created",
      "deleted",
      "created",
    ]);
  });

  test("keeps more files than one page of values", async () => {
    const folder = await tempFolder();
    for (let i = 0; i < 450; i++) await writeFile(join(folder, `f${i}`), "");
    const disk = new Disk();
    await start(disk, [folder]);
    await (await start(disk, [folder])).poll();
    expect(disk.told()).toEqual([]);
  });

  test("forgets a folder that is no longer configured, and takes it anew when it is again", async () => {
    const [one, two] = [await tempFolder(), await tempFolder()];
    await writeFile(join(one, "a"), "");
    const disk = new Disk();
    await start(disk, [one, two]);
    await (await start(disk, [two])).poll();
    await writeFile(join(one, "b"), "");
    await (await start(disk, [one, two])).poll();
    expect(disk.told()).toEqual([]);
  });

  // Root reads everything, so there is nothing to see then.
  test.skipIf(process.getuid?.() === 0)("does not call files deleted that it may not see", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "secret"));
    await writeFile(join(folder, "secret", "a"), "");
    const disk = new Disk();
    const sensor = await start(disk, [folder]);
    await chmod(join(folder, "secret"), 0);
    await sensor.poll();
    await chmod(join(folder, "secret"), 0o755);
    await sensor.poll();
    expect(disk.told()).toEqual([]);
    expect(disk.warnings.join()).toMatch(/secret cannot be read/);
  });

  test("without configuration watches nothing", async () => {
    const disk = new Disk();
    const sensor = new DirectorySensor(disk.service(), {});
    await sensor.setup();
    await sensor.poll();
    expect(disk.told()).toEqual([]);
  });
});

describe("output_context", () => {
  const service = new Disk().service();

  test("adds whole lines, also when many run at once", async () => {
    const log = join(await tempFolder(), "output");
    await appendFile(log, "first\n");
    const action = new OutputContext({ config: { log }, logger, service });
    const texts = Array.from({ length: 50 }, (_, i) => `${i} ${"x".repeat(500)}`);
    const results = await Promise.all(texts.map((context) => action.run({ context })));
    expect(results.every((result) => Array.isArray(result) && result[0] === true)).toBe(true);
    const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
    expect(lines[0]).toBe("first");
    expect(lines.slice(1).sort()).toEqual([...texts].sort());
  });

  test("fails when no file is configured", async () => {
    const action = new OutputContext({ config: {}, logger, service });
    expect(await action.run({ context: "a" })).toMatchObject([false, expect.stringContaining("log")]);
  });

  test("fails when the file cannot be opened", async () => {
    const action = new OutputContext({ config: { log: "/nowhere/at/all" }, logger, service });
    await expect(action.run({ context: "a" })).rejects.toThrow(/ENOENT/);
  });
});
