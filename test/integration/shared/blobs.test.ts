/** Blobs in a folder, and across a link. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { BlobStore } from "../../../shared/blobs/blob-fs.ts";
import { digestOf, maxBlobBytes } from "../../../shared/blobs/blob-ref.ts";
import { blobResponder, blobSize, fetchBlob, rangeBytes } from "../../../shared/blobs/blob-transfer.ts";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { openLinkEnd } from "../../support/link-end.ts";
import { memoryNetwork } from "../../support/link-network.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const openBlobs = async (folder?: string) =>
  BlobStore.open({ folder: folder ?? (await tempFolder("blobs")) });
const missing = `sha256:${"0".repeat(64)}`;

describe("a store", () => {
  test("gives back what was put, under its digest, whole or in ranges", async () => {
    const blobs = await openBlobs();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5_000 }),
        fc.nat(6_000),
        fc.nat(6_000),
        async (bytes, offset, length) => {
          const ref = await blobs.put(bytes);
          expect(ref).toEqual({ digest: digestOf(bytes), size: bytes.length });
          expect(Buffer.from(await blobs.readAll(ref.digest))).toEqual(Buffer.from(bytes));
          const range = await blobs.read(ref.digest, offset, length);
          expect(range.size).toBe(bytes.length);
          expect(Buffer.from(range.bytes)).toEqual(Buffer.from(bytes.subarray(offset, offset + length)));
        },
      ),
      { numRuns: 30 },
    );
  });

  test("takes a stream piece by piece, and cuts it at 16 MiB", async () => {
    const blobs = await openBlobs();
    const piece = randomBytes(1024 * 1024 + 1);
    async function* pieces() {
      for (let i = 0; i < 20; i++) yield piece;
    }
    const ref = await blobs.put(pieces());
    expect(ref).toMatchObject({ size: maxBlobBytes, truncated: true });
    const cut = Buffer.concat(Array.from({ length: 20 }, () => piece)).subarray(0, maxBlobBytes);
    expect(ref.digest).toBe(digestOf(cut));
    expect(await blobs.put(cut)).toEqual({ digest: ref.digest, size: maxBlobBytes });
  });

  test("keeps nothing of a stream that breaks, nor of a process that was killed", async () => {
    const folder = await tempFolder("blobs");
    const blobs = await openBlobs(folder);
    async function* broken() {
      yield Buffer.from("a");
      throw new Error("the source");
    }
    await expect(blobs.put(broken())).rejects.toThrow("the source");
    expect(await readdir(join(folder, "incoming"))).toEqual([]);
    await writeFile(join(folder, "incoming", "left"), "half");
    await openBlobs(folder);
    expect(await readdir(join(folder, "incoming"))).toEqual([]);
    expect(await blobs.list()).toEqual([]);
  });

  test("knows what it has, lists it, and lets it go", async () => {
    const blobs = await openBlobs();
    const refs = [await blobs.put(Buffer.from("a")), await blobs.put(Buffer.from("bc"))];
    await blobs.put(Buffer.from("a"));
    const byDigest = (a: { digest: string }, b: { digest: string }) => a.digest.localeCompare(b.digest);
    const listed = (await blobs.list()).map(({ digest, size }) => ({ digest, size }));
    expect(listed.sort(byDigest)).toEqual([...refs].sort(byDigest));
    const storedAt = (await blobs.list()).find(({ digest }) => digest === refs[0]?.digest)?.storedAt ?? 0;
    await blobs.delete(refs[0]?.digest ?? "", storedAt - 1);
    expect(await blobs.has(refs[0]?.digest ?? "")).toBe(true);
    await blobs.delete(refs[0]?.digest ?? "", storedAt);
    await blobs.delete(refs[0]?.digest ?? "", storedAt);
    expect(await blobs.has(refs[0]?.digest ?? "")).toBe(false);
    expect(await blobs.has(refs[1]?.digest ?? "")).toBe(true);
  });

  test("says what is missing, and notices what is damaged", async () => {
    const folder = await tempFolder("blobs");
    const blobs = await openBlobs(folder);
    await expect(blobs.readAll(missing)).rejects.toMatchObject({ code: "BLOB_MISSING" });
    const { digest } = await blobs.put(Buffer.from("good"));
    const name = digest.slice("sha256:".length);
    await writeFile(join(folder, name.slice(0, 2), name.slice(2)), "evil");
    await expect(blobs.readAll(digest)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
  });

  test("takes no digest for a path", async () => {
    const blobs = await openBlobs();
    for (const digest of ["sha256:../../etc/passwd", "../x", "", `sha256:${"0".repeat(63)}/`]) {
      await expect(blobs.read(digest, 0, 1)).rejects.toMatchObject({ code: "BLOB_MISSING" });
      await expect(blobs.delete(digest, 0)).rejects.toMatchObject({ code: "BLOB_MISSING" });
    }
  });

  test("needs a folder that it can make", async () => {
    const file = join(await tempFolder(), "file");
    await writeFile(file, "");
    await expect(BlobStore.open({ folder: join(file, "blobs") })).rejects.toMatchObject({
      code: "FOLDER_UNUSABLE",
    });
  });
});

describe("a range is answered", () => {
  const asked = async (args: JsonObject) => {
    const blobs = await openBlobs();
    await blobs.put(Buffer.from("hello"));
    return blobResponder(blobs)(args);
  };
  const digest = digestOf(Buffer.from("hello"));
  test("with its bytes and the size of the whole", async () => {
    expect(await asked({ digest, offset: 1, length: 3 })).toEqual({ data: "ZWxs", size: 5 });
    expect(await asked({ digest, offset: 5, length: 3 })).toEqual({ data: "", size: 5 });
  });
  test.each([
    [{ digest: "../x", offset: 0, length: 1 }],
    [{ digest, offset: -1, length: 1 }],
    [{ digest, offset: 0, length: rangeBytes + 1 }],
    [{ digest, offset: 0.5, length: 1 }],
    [{ digest, offset: "0", length: 1 }],
    [{}],
  ])("with WIRE_PACKET for %j", async (args) => {
    await expect(asked(args)).rejects.toMatchObject({ code: "WIRE_PACKET" });
  });
});

describe("fetching", () => {
  /** A peer that answers from its store, counting; `spoil` may change or refuse an answer. */
  async function peer(
    bytes: Uint8Array,
    spoil: (nth: number, answer: Json) => Json = (_nth, answer) => answer,
  ) {
    const theirs = await openBlobs();
    const ref = await theirs.put(bytes);
    const respond = blobResponder(theirs);
    const state = { asked: 0, flying: 0, most: 0 };
    const ask = async (op: string, args: JsonObject) => {
      expect(op).toBe("blob");
      state.asked++;
      const nth = state.asked;
      state.flying++;
      state.most = Math.max(state.most, state.flying);
      const answer = await respond(args);
      state.flying--;
      return spoil(nth, answer);
    };
    return { ref, ask, state };
  }

  test.each([0, 1, rangeBytes, rangeBytes + 1, 10 * rangeBytes - 1])(
    "gets all of %d bytes, at most four ranges ahead",
    async (size) => {
      const bytes = randomBytes(size);
      const { ref, ask, state } = await peer(bytes);
      const store = await openBlobs();
      await fetchBlob({ ask, ref, store, withinMs: 1_000 });
      expect(Buffer.from(await store.readAll(ref.digest))).toEqual(bytes);
      expect(state.most).toBeLessThanOrEqual(4);
      const { asked } = state;
      await fetchBlob({ ask, ref, store, withinMs: 1_000 });
      expect(state.asked).toBe(asked);
      expect(await blobSize(ask, ref.digest, 1_000)).toBe(size);
    },
  );

  test("goes on where a restart interrupted it", async () => {
    const bytes = randomBytes(10 * rangeBytes);
    const { ref, ask, state } = await peer(bytes, (nth, answer) => {
      if (nth === 7) throw new Error("the connection");
      return answer;
    });
    const folder = await tempFolder("blobs");
    await expect(fetchBlob({ ask, ref, store: await openBlobs(folder), withinMs: 1_000 })).rejects.toThrow(
      "the connection",
    );
    const { asked } = state;
    const store = await openBlobs(folder);
    await fetchBlob({ ask, ref, store, withinMs: 1_000 });
    expect(Buffer.from(await store.readAll(ref.digest))).toEqual(bytes);
    expect(state.asked - asked).toBeLessThan(8);
    expect(await readdir(join(folder, "partial"))).toEqual([]);
  });

  test("starts over once when the content has another digest", async () => {
    const bytes = randomBytes(3 * rangeBytes);
    const wrong = { data: Buffer.alloc(rangeBytes).toString("base64"), size: bytes.length };
    const { ref, ask } = await peer(bytes, (nth, answer) => (nth === 2 ? wrong : answer));
    const store = await openBlobs();
    await fetchBlob({ ask, ref, store, withinMs: 1_000 });
    expect(Buffer.from(await store.readAll(ref.digest))).toEqual(bytes);
  });

  test("gives up on a peer that lies twice, and stores nothing under the digest", async () => {
    const bytes = randomBytes(rangeBytes);
    const lie = { data: Buffer.alloc(rangeBytes).toString("base64"), size: bytes.length };
    const { ref, ask, state } = await peer(bytes, () => lie);
    const store = await openBlobs();
    await expect(fetchBlob({ ask, ref, store, withinMs: 1_000 })).rejects.toMatchObject({
      code: "BLOB_CORRUPT",
    });
    expect(state.asked).toBe(2);
    expect(await store.has(ref.digest)).toBe(false);
  });

  test("starts over from what an earlier process left too long or damaged", async () => {
    const bytes = randomBytes(2 * rangeBytes);
    const { ref, ask } = await peer(bytes);
    for (const left of [Buffer.alloc(rangeBytes), Buffer.alloc(5 * rangeBytes), bytes.subarray(0, 100)]) {
      const folder = await tempFolder("blobs");
      await mkdir(join(folder, "partial"));
      await writeFile(join(folder, "partial", ref.digest.slice("sha256:".length)), left);
      const store = await openBlobs(folder);
      await fetchBlob({ ask, ref, store, withinMs: 1_000 });
      expect(Buffer.from(await store.readAll(ref.digest))).toEqual(bytes);
    }
  });

  test("of one blob by two callers asks for it once", async () => {
    const bytes = randomBytes(5 * rangeBytes);
    const { ref, ask, state } = await peer(bytes);
    const store = await openBlobs();
    const fetch = () => fetchBlob({ ask, ref, store, withinMs: 1_000 });
    await Promise.all([fetch(), fetch(), fetch()]);
    expect(state.asked).toBe(5);
  });

  test("refuses a blob beyond the limit, or one the peer does not have", async () => {
    const { ask } = await peer(Buffer.from("a"));
    const store = await openBlobs();
    const huge = { digest: missing, size: maxBlobBytes + 1 };
    await expect(fetchBlob({ ask, ref: huge, store, withinMs: 1_000 })).rejects.toMatchObject({
      code: "BLOB_TOO_LARGE",
    });
    const unknown = { digest: missing, size: 5 };
    await expect(fetchBlob({ ask, ref: unknown, store, withinMs: 1_000 })).rejects.toMatchObject({
      code: "BLOB_MISSING",
    });
  });

  test("over a link that breaks goes on by itself", async () => {
    const network = memoryNetwork();
    const theirs = await openBlobs();
    const bytes = randomBytes(40 * rangeBytes + 5);
    const ref = await theirs.put(bytes);
    const hub = await openLinkEnd({
      side: "hub",
      folder: await tempFolder(),
      network: network.hub,
      responders: { blob: blobResponder(theirs) },
    });
    const agent = await openLinkEnd({ side: "agent", folder: await tempFolder(), network: network.agent });
    onTestFinished(async () => {
      await agent.close();
      await hub.close();
    });
    const store = await openBlobs();
    const ask = (op: string, args: JsonObject, withinMs: number) => agent.link.ask(op, args, withinMs);
    const fetched = fetchBlob({ ask, ref, store, withinMs: 1_000_000 });
    await network.cut();
    await network.mend();
    await fetched;
    expect(Buffer.from(await store.readAll(ref.digest))).toEqual(bytes);
  });
});

test("a disk that refuses is STORE_WRITE, for content of this side and of the peer's", async () => {
  const folder = await tempFolder("blobs");
  const store = await BlobStore.open({ folder });
  const content = Buffer.from("content");
  const { digest } = await store.put(content);
  await rm(join(folder, "incoming"), { recursive: true });
  await expect(store.put(Buffer.from("other"))).rejects.toMatchObject({ code: "STORE_WRITE" });
  await rm(join(folder, digest.slice(7, 9)), { recursive: true });
  await writeFile(join(folder, digest.slice(7, 9)), "in the way");
  const fetched = store.fetching(digest, async (partial) => {
    await partial.append(content);
    await partial.finish();
  });
  await expect(fetched).rejects.toMatchObject({ code: "STORE_WRITE" });
});
