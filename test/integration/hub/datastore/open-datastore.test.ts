/** The key to a hub's secrets: made once, noted, and never replaced while something may need it. */
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keyFileIn } from "../../../../hub/datastore/key-file-fs.ts";
import { openDatastore } from "../../../../hub/datastore/open-datastore-fs.ts";
import { blobKey, shownExecution, withSealedResult } from "../../../../hub/secrets/sealed-execution.ts";
import { openLevelStore } from "../../../../hub/store/level-store.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../../shared/system-process.ts";
import { anExecution } from "../../../support/records.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";

async function hubFolder() {
  const data = await tempFolder("datastore");
  const store = await openLevelStore({
    folder: join(data, "store"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  const open = async (log = silentLogger) => {
    const datastore = await openDatastore({
      store,
      data,
      random: systemRandom,
      now: Date.now,
      newId: ulidSource(systemClock, systemRandom),
      timers: systemTimers,
      jitter: systemJitter,
      log,
    });
    onTestFinished(() => datastore.keys.close());
    return datastore;
  };
  return { data, store, open, key: join(data, "datastore.key") };
}

const noKey = expect.objectContaining({ code: "KEY_FILE" });

test("a hub makes it at its first start, and not again when it is lost; put back, it is taken", async () => {
  const { open, key } = await hubFolder();
  const { sealer } = await open();
  const sealed = sealer.seal("execution/E1/parameters", "secret");
  await rename(key, `${key}.aside`);
  const without = await open();
  expect(() => without.sealer.seal("p", "x")).toThrow(noKey);
  expect(() => without.sealer.open("execution/E1/parameters", sealed)).toThrow(noKey);
  expect(existsSync(key)).toBe(false);
  // How an action ended is kept all the same.
  const before = anExecution({ sealed: { output: { token: { secret: true } } }, runner: "python-script" });
  const blob = { digest: "sha256:0", size: 1 };
  const told = { ...before, result: { result: { token: "secret" } }, result_blob: blob };
  const kept = withSealedResult(before, told, without.sealer, "k".repeat(43));
  expect(kept.result).toEqual({ result: { token: "********" } });
  expect(JSON.stringify(kept.sealed)).not.toContain("kkk");
  // And it says what is missing of it, and why.
  expect(shownExecution(kept, undefined)).toMatchObject({
    left_out: [
      { field: "result", what: "whole", code: "KEY_FILE", message: expect.stringContaining("is missing") },
      { field: "result", what: "secrets", code: "KEY_FILE", message: expect.stringContaining("is missing") },
    ],
  });
  expect(() => blobKey(kept, "result_key", without.sealer)).toThrow(/KEY_FILE: datastore\.key is missing/);
  await rename(`${key}.aside`, key);
  const opened = await waitUntil("the key to be taken", async () => {
    try {
      return without.sealer.open("execution/E1/parameters", sealed);
    } catch {
      return null;
    }
  });
  expect(opened).toBe("secret");
});

test("a key that an older hub made for its datastore counts, also once no secret is left there", async () => {
  const { data, open, key } = await hubFolder();
  await keyFileIn(data).write(systemRandom(32));
  const { keys } = await open();
  await keys.set("system", "a", { value: "x", ttlSeconds: null, secret: true });
  await keys.delete("system", "a");
  await rename(key, `${key}.aside`);
  const { sealer } = await open();
  expect(() => sealer.seal("p", "x")).toThrow(noKey);
  expect(existsSync(key)).toBe(false);
});

test("one that is lost is not replaced either when somebody sets a secret, and another one is not taken", async () => {
  const { data, store, open, key } = await hubFolder();
  const { sealer } = await open();
  const sealed = sealer.seal("p", "secret");
  await rename(key, `${key}.aside`);
  const { keys } = await open();
  const set = keys.set("system", "a", { value: "x", ttlSeconds: null, secret: true });
  await expect(set).rejects.toMatchObject({
    code: "KEY_FILE",
    hint: expect.stringMatching(/datastore\.key\.lost/),
  });
  expect(existsSync(key)).toBe(false);
  await keyFileIn(data).write(systemRandom(32));
  const other = await open();
  expect(() => other.sealer.seal("p", "x")).toThrow(
    /holds the key [0-9a-f]{16}, and this hub's secrets need [0-9a-f]{16}/,
  );
  await rename(`${key}.aside`, key);
  expect((await open()).sealer.open("p", sealed)).toBe("secret");
  // An older version noted no more than that there was one.
  await store.putSetting("had_datastore_key", true);
  expect((await open()).sealer.open("p", sealed)).toBe("secret");
  await keyFileIn(data).write(systemRandom(32));
  const noted = await open();
  expect(() => noted.sealer.open("p", sealed)).toThrow(noKey);
});

test.each<[string, (key: string) => Promise<void>]>([
  ["missing", (key) => rm(key)],
  ["damaged", (key) => writeFile(key, "{")],
])("one that is %s is replaced when an operator says that it is lost, and only then", async (_, lose) => {
  const { data, open, key } = await hubFolder();
  const first = await open();
  const sealed = first.sealer.seal("p", "secret");
  await first.keys.set("system", "a", { value: "x", ttlSeconds: null, secret: true });
  await lose(key);
  const without = await open();
  expect(() => without.sealer.seal("p", "x")).toThrow(noKey);
  await writeFile(`${key}.lost`, "");
  const { sealer, keys } = await open();
  const names = await readdir(data);
  expect(names).not.toContain("datastore.key.lost");
  for (const name of names.filter((each) => each.startsWith("datastore.key.damaged-")))
    expect(await readFile(join(data, name), "utf8")).toBe("{");
  expect(() => sealer.open("p", sealed)).toThrow(expect.objectContaining({ code: "KEY_UNREADABLE" }));
  await keys.set("system", "a", { value: "y", ttlSeconds: null, secret: true });
  const again = (await open()).sealer;
  expect(again.open("p", sealer.seal("p", "new"))).toBe("new");
});

test("a damaged one is logged once, however many ask for it", async () => {
  const { open, key } = await hubFolder();
  await open();
  await writeFile(key, "{");
  const said: string[] = [];
  const { sealer } = await open({
    ...silentLogger,
    error: (message: string) => said.push(message),
  } as typeof silentLogger);
  const first = said.length;
  for (let n = 0; n < 20; n++) {
    expect(() => sealer.seal("p", "x")).toThrow(noKey);
    // The file is read meanwhile.
    await readFile(key);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(said.slice(first)).toEqual([]);
});
