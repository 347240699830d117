import { describe, expect, test, vi } from "vitest";
import { killAt } from "../../../shared/kill-point-process.ts";
import { behindPoints } from "../../../shared/kill-points.ts";

class Part {
  #count = 0;
  readonly seen: string[] = [];

  get count() {
    return this.#count;
  }
  async write(what: string): Promise<number> {
    this.seen.push(`write ${what}`);
    return ++this.#count;
  }
  send(what: string): void {
    this.seen.push(`send ${what}`);
  }
  async fail(): Promise<void> {
    throw new Error("refused");
  }
}

describe("a part behind points", () => {
  test("passes a point before it works and one when it has kept its promise", async () => {
    const part = new Part();
    const behind = behindPoints(part, { write: "note", send: "word" }, (point) => part.seen.push(point));
    expect(await behind.write("a")).toBe(1);
    behind.send("b");
    expect(part.seen).toEqual([
      "note.before",
      "write a",
      "note.after",
      "word.before",
      "send b",
      "word.after",
    ]);
  });

  test("keeps its own state and everything that has no point", async () => {
    const part = new Part();
    const behind = behindPoints(part, { send: "word" }, () => {});
    await behind.write("a");
    expect([behind.count, part.count]).toEqual([1, 1]);
  });

  test("passes no point after what it did not do", async () => {
    const passed: string[] = [];
    const behind = behindPoints(new Part(), { fail: "try" }, (point) => passed.push(point));
    await expect(behind.fail()).rejects.toThrow("refused");
    expect(passed).toEqual(["try.before"]);
  });

  test("names its points by what it is asked, and has none where there is no name", () => {
    const passed: string[] = [];
    const names = { send: (what: string) => (what === "secret" ? null : what) };
    const behind = behindPoints(new Part(), names, (point) => passed.push(point));
    behind.send("secret");
    behind.send("open");
    expect(passed).toEqual(["open.before", "open.after"]);
  });
});

describe("the setting that kills at a point", () => {
  test("does not exist without the variable: then no part is put behind points", () => {
    expect(killAt(undefined)).toBeNull();
    expect(killAt("")).toBeNull();
  });

  test("kills at the passing that it counts, at that point alone", () => {
    const kill = vi.spyOn(process, "kill").mockReturnValue(true);
    try {
      const pass = killAt("take-in.after:2");
      pass?.("take-in.after");
      pass?.("take-in.before");
      expect(kill).not.toHaveBeenCalled();
      pass?.("take-in.after");
      expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, "SIGKILL");
    } finally {
      kill.mockRestore();
    }
  });
});
