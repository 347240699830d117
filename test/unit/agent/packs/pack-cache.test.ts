import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PackCache } from "../../../../agent/packs/pack-cache-fs.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { type PackedPack, packedPack, sensorFiles } from "../../../support/packed-pack.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const one = packedPack("mine", sensorFiles("One"));
const two = packedPack("mine", sensorFiles("Two"));

interface Hub {
  readonly has: PackedPack[];
  asked: string[];
  isAway: boolean;
}

async function openCache(folder: string, hub: Hub, monotonic: () => number = () => 0) {
  const fetch = async (digest: string) => {
    hub.asked.push(digest);
    const found = hub.has.find((pack) => pack.digest === digest);
    if (hub.isAway || found === undefined) throw new PetrelError("BLOB_MISSING", "no blob has this digest");
    return found.bytes;
  };
  return PackCache.open({ folder, fetch, monotonic, log: silentLogger });
}

const newHub = (...has: PackedPack[]): Hub => ({ has, asked: [], isAway: false });

describe("the pack cache", () => {
  test("fetches a version once, whoever asks how often, and has it after a restart without the hub", async () => {
    const folder = await tempFolder();
    const hub = newHub(one);
    const cache = await openCache(folder, hub);
    const [a, b] = await Promise.all([
      cache.ensurePack("mine", one.digest),
      cache.ensurePack("mine", one.digest),
    ]);
    expect(hub.asked).toEqual([one.digest]);
    expect(a).toBe(b);
    expect(a.pack.sensors.map(({ ref }) => ref)).toEqual(["mine.One"]);
    expect(await readFile(join(a.folder, "sensors/one.ts"), "utf8")).toContain("class One");
    hub.isAway = true;
    const again = await (await openCache(folder, hub)).ensurePack("mine", one.digest);
    expect(again).toEqual(a);
  });

  test("what is not there and cannot be fetched is PACK_MISSING, and is fetched by a later call", async () => {
    const hub = newHub(one);
    const cache = await openCache(await tempFolder(), hub);
    hub.isAway = true;
    await expect(cache.ensurePack("mine", one.digest)).rejects.toMatchObject({ code: "PACK_MISSING" });
    hub.isAway = false;
    await expect(cache.ensurePack("mine", one.digest)).resolves.toMatchObject({ digest: one.digest });
  });

  test.each([
    ["other contents than asked for", { ...one, bytes: two.bytes }, "mine", "PACK_MISSING"],
    ["a pack of another name", one, "yours", "PACK_INVALID"],
    ["a name that leads out of the folder", one, "../mine", "PACK_REF"],
  ])("%s is refused, and leaves nothing behind", async (_, sent, ref, code) => {
    const folder = await tempFolder();
    const cache = await openCache(folder, newHub(sent));
    await expect(cache.ensurePack(ref, one.digest)).rejects.toMatchObject({ code });
    const left = (await readdir(folder, { recursive: true })).filter((name) =>
      name.includes(one.digest.slice(7)),
    );
    expect(left).toEqual([]);
  });

  test("a damaged blob is fetched again; a lost folder is unpacked again; what a sensor left there is no matter", async () => {
    const folder = await tempFolder();
    const hub = newHub(one);
    const { folder: at, codeDigest } = await (await openCache(folder, hub)).ensurePack("mine", one.digest);
    await writeFile(join(at, "sensors/scratch.txt"), "left by a sensor");
    expect(await (await openCache(folder, hub)).load("mine", one.digest)).toMatchObject({ codeDigest });
    await rm(at, { recursive: true });
    expect(await (await openCache(folder, hub)).load("mine", one.digest)).not.toBeNull();
    expect(await readdir(at)).toContain("sensors");
    await writeFile(`${at}.pack`, "damaged");
    const cache = await openCache(folder, hub);
    expect(await cache.load("mine", one.digest)).toBeNull();
    await cache.ensurePack("mine", one.digest);
    expect(hub.asked.length).toBe(2);
  });

  test("an opening removes what a crash left half written", async () => {
    const folder = await tempFolder();
    await mkdir(join(folder, "mine/.unpacking-0123-abc"), { recursive: true });
    await writeFile(join(folder, `mine/${"0".repeat(64)}.pack.unfinished`), "half");
    await openCache(folder, newHub());
    expect(await readdir(join(folder, "mine"))).toEqual([]);
  });

  test("cleaning keeps what is needed, run from, or was asked for lately", async () => {
    const folder = await tempFolder();
    const packs = ["Needed", "Run", "Recent", "Idle"].map((name) => packedPack("mine", sensorFiles(name)));
    const [needed, run, recent, idle] = packs;
    let now = 0;
    const cache = await openCache(folder, newHub(...packs), () => now);
    for (const { digest } of packs) await cache.ensurePack("mine", digest);
    const running = (await cache.ensurePack("mine", run?.digest ?? "")).folder;
    now += 3_600_000;
    await cache.load("mine", recent?.digest ?? "");
    await cache.clean(new Set([needed?.digest ?? ""]), new Set([running]));
    const left = new Set((await readdir(join(folder, "mine"))).map((name) => `sha256:${name.slice(0, 64)}`));
    expect(left).toEqual(new Set([needed?.digest, run?.digest, recent?.digest]));
    expect(await cache.load("mine", idle?.digest ?? "")).toBeNull();
  });
});
