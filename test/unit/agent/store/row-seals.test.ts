/** Rows with secrets in the agent's database, and the key that they need. */
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAgentStore } from "../../../../agent/store/agent-store.ts";
import { assignmentIn, assignmentRow, keptUpdate } from "../../../../agent/store/row-seals.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { ExecutionUpdateEntry } from "../../../../shared/wire/messages.ts";
import { testRows as rows } from "../../../support/row-seals.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const secret = "Planted-9f3c71";
let ids = 0;
const open = (data: string) =>
  openAgentStore({ data, newId: () => `ID${++ids}`, now: () => 0, log: silentLogger });

test("a row is read as it was written, sealed or not, and a sealed one nowhere else", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, isSecret) => {
      const whole = JSON.parse(JSON.stringify({ value }));
      const text = rows.keep("result/E1", whole, isSecret);
      expect(rows.read("result/E1", text)).toEqual(whole);
      if (isSecret)
        expect(() => rows.read("result/E2", text)).toThrow(
          expect.objectContaining({ code: "KEY_UNREADABLE" }),
        );
    }),
  );
});

test("an assignment that holds secrets is sealed, but for its id", () => {
  const plain = {
    id: "A1",
    at: "",
    kind: "assignment",
    pack: "p",
    digest: "d",
    size: 1,
    config: { token: secret },
  } as const;
  expect(assignmentRow(plain, rows)).toBe(JSON.stringify(plain));
  const entry = { ...plain, secret: true } as const;
  const row = assignmentRow(entry, rows);
  expect(row).toMatch(/^\{"id":"A1","sealed":"petrel-sealed:2:/);
  expect(row).not.toContain(secret);
  expect(assignmentIn(row, rows)).toEqual(entry);
});

describe("the key of an agent", () => {
  test("is its owner's alone; news of secret results lie in the outbox sealed, and are sent whole", async () => {
    const data = await tempFolder("seal");
    const store = await open(data);
    expect((await stat(join(data, "secrets.key"))).mode & 0o777).toBe(0o600);
    await store.close();
    const again = await open(data);
    const update = {
      id: "U1",
      at: "2026-01-01T00:00:00Z",
      kind: "execution-update",
      execution: "E1",
    } as const;
    const news: ExecutionUpdateEntry = {
      ...update,
      status: "succeeded",
      result: { token: secret },
      secret: true,
    };
    await again.outbox.append([keptUpdate(news, again.rows)]);
    const [epoch] = again.outbox.epochs();
    const [kept] = await again.outbox.read(epoch?.id ?? "", 1, 10, 1e6);
    expect(JSON.stringify(kept)).not.toContain(secret);
    const [sent] = await again.toSend.read(epoch?.id ?? "", 1, 10, 1e6);
    expect(sent?.entry).toEqual(news);
    expect(JSON.parse(sent?.text ?? "")).toEqual(news);
    await again.close();
  });

  test.each(["ab", "A".repeat(60)])(
    "news that were damaged on disk (%s) hold up none behind them: how the execution ended is told without the result",
    async (damage) => {
      const store = await open(await tempFolder("seal"));
      const update = (id: string) =>
        ({ id, at: "2026-01-01T00:00:00Z", kind: "execution-update", execution: "E1" }) as const;
      const news: ExecutionUpdateEntry = { ...update("U2"), status: "succeeded", result: 1, secret: true };
      const kept = keptUpdate(news, store.rows);
      const damaged = { ...kept, sealed: `${kept.sealed?.slice(0, 33)}${damage}` };
      const [before, behind] = [update("U1"), update("U3")].map(
        (each): ExecutionUpdateEntry => ({ ...each, status: "running" }),
      );
      await store.outbox.append([before, damaged, behind].filter((each) => each !== undefined));
      const [epoch] = store.outbox.epochs();
      const sent = await store.toSend.read(epoch?.id ?? "", 1, 10, 1e6);
      const { result: _, ...rest } = news;
      const reason = expect.stringMatching(/^KEY_UNREADABLE: /);
      expect(sent.map(({ entry }) => entry)).toEqual([before, { ...rest, reason }, behind]);
      await store.close();
    },
  );

  test.each<[string, (key: string) => Promise<unknown>, RegExp]>([
    ["is missing", (key) => rm(key), /is missing/],
    ["is damaged", (key) => writeFile(key, "{"), /holds no key/],
    [
      "is another one",
      async (key) => {
        const other = await tempFolder("seal");
        await (await open(other)).close();
        await rename(join(other, "secrets.key"), key);
      },
      /holds the key [0-9a-f]{16}, and the database was begun with [0-9a-f]{16}/,
    ],
  ])(
    "that %s keeps it from starting, and says what to do; without its database it begins anew",
    async (_, lose, message) => {
      const data = await tempFolder("seal");
      await (await open(data)).close();
      const key = join(data, "secrets.key");
      const kept = await readFile(key);
      await lose(key);
      const refused = open(data);
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toMatchObject({
        code: "KEY_FILE",
        where: key,
        hint: expect.stringContaining("move the folder `store`"),
      });
      // It is put back.
      await writeFile(key, kept);
      await (await open(data)).close();
      await rm(key);
      await rename(join(data, "store"), join(data, "store.old"));
      await (await open(data)).close();
    },
  );

  test("that is damaged before its database was begun is moved aside, not overwritten", async () => {
    const data = await tempFolder("seal");
    await writeFile(join(data, "secrets.key"), "half a k");
    await (await open(data)).close();
    const [aside = ""] = (await readdir(data)).filter((name) => name.startsWith("secrets.key.damaged-"));
    expect(await readFile(join(data, aside), "utf8")).toBe("half a k");
    await (await open(data)).close();
  });
});
