/** The parts of a binary on the agent's disk: what has gone bad there comes once more, and nothing ends the agent. */
import { createHash, randomBytes } from "node:crypto";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { Parts } from "../../../agent/upgrade/parts-fs.ts";
import { BlobStore } from "../../../shared/blobs/blob-fs.ts";
import { blobResponder } from "../../../shared/blobs/blob-transfer.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { Json, JsonObject } from "../../../shared/json.ts";
import type { SignedManifest } from "../../../shared/upgrade/manifest.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const partLength = 200_000;

/** A binary in four parts, of which a hub has all and an agent has fetched all. */
async function fetched() {
  const [hubFolder, folder] = [await tempFolder("hub"), await tempFolder("agent")];
  const hub = await BlobStore.open({ folder: hubFolder });
  const whole = randomBytes(700_000);
  const stream = zstdCompressSync(whole);
  const parts: SignedManifest["parts"][number][] = [];
  for (let at = 0; at < stream.length; at += partLength)
    parts.push(await hub.put(stream.subarray(at, at + partLength)));
  const manifest: SignedManifest = {
    v: 1,
    version: "9.0.0",
    arch: "x64",
    sha256: createHash("sha256").update(whole).digest("hex"),
    bytes: whole.length,
    parts,
    min_agent: null,
    min_hub: null,
    signature: null,
  };
  const asked = new Set<Json | undefined>();
  const answer = blobResponder(hub);
  const link = { isUp: true };
  const ask = async (_op: string, args: JsonObject) => {
    if (!link.isUp) throw new PetrelError("LINK_CLOSED", "the link is away");
    asked.add(args.digest);
    return answer(args);
  };
  const agent = new Parts({ folder, ask, withinMs: 10_000 });
  for (const part of parts) await agent.fetch(part);
  asked.clear();
  const pathOf = (n: number) => {
    const name = parts[n]?.digest.slice("sha256:".length) ?? "";
    return join(folder, "parts", name.slice(0, 2), name.slice(2));
  };
  return { agent, manifest, whole, asked, pathOf, link, hub };
}

type Damage = (path: string) => Promise<void>;
const flipped: Damage = async (path) => {
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
};
const missing: Damage = (path) => rm(path);
const cut: Damage = (path) => truncate(path, 10);

test.each<[string, readonly (readonly [number, Damage])[]]>([
  ["the first is damaged", [[0, flipped]]],
  ["a later one is damaged", [[2, flipped]]],
  ["the last one is cut", [[3, cut]]],
  ["a later one is missing", [[1, missing]]],
  [
    "one is damaged and one is missing",
    [
      [1, flipped],
      [3, missing],
    ],
  ],
])("%s: it is fetched again, it alone", async (_, damages) => {
  const { agent, manifest, whole, asked, pathOf } = await fetched();
  for (const [n, damage] of damages) await damage(pathOf(n));
  expect(await readFile(await agent.assemble(manifest))).toEqual(whole);
  expect([...asked]).toEqual(damages.map(([n]) => manifest.parts[n]?.digest));
});

test("without a link it waits, and then goes on", async () => {
  const { agent, manifest, whole, pathOf, link } = await fetched();
  await flipped(pathOf(2));
  link.isUp = false;
  await expect(agent.assemble(manifest)).rejects.toMatchObject({ code: "LINK_CLOSED" });
  link.isUp = true;
  expect(await readFile(await agent.assemble(manifest))).toEqual(whole);
});

test("a hub that has it no more is told of", async () => {
  const { agent, manifest, pathOf, hub } = await fetched();
  await missing(pathOf(2));
  await hub.delete(manifest.parts[2]?.digest ?? "", Number.POSITIVE_INFINITY);
  await expect(agent.assemble(manifest)).rejects.toMatchObject({ code: "BLOB_MISSING" });
});

test("another binary than was announced is none", async () => {
  const { agent, manifest } = await fetched();
  for (const other of [
    { bytes: manifest.bytes - 1 },
    { bytes: manifest.bytes + 1 },
    { sha256: "0".repeat(64) },
  ])
    await expect(agent.assemble({ ...manifest, ...other })).rejects.toMatchObject({ code: "UPGRADE_DIGEST" });
  const early = { ...manifest, parts: manifest.parts.slice(0, 3) };
  await expect(agent.assemble(early)).rejects.toMatchObject({ code: "RELEASE_INVALID" });
});
