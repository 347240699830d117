import { execFile, execFileSync } from "node:child_process";
import { lstatSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/json.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide, openWatchDesk } from "../../../support/watch-desk.ts";

const isRoot = process.getuid?.() === 0;
const backends = [...(isRoot ? (["fanotify"] as const) : []), "inotify" as const];
if (!isRoot) console.warn("skipped: watching by fanotify needs root");

const run = promisify(execFile);

/** What is there, by its path below `root`: kind and, of files, size. */
function tree(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (folder: string) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stats = lstatSync(path);
      found.set(path.slice(root.length + 1), stats.isDirectory() ? "directory" : `file ${stats.size}`);
      if (stats.isDirectory()) visit(path);
    }
  };
  visit(root);
  return found;
}

/** The tree as somebody knows it who only reads what is told. */
class Told {
  readonly paths = new Map<string, string>();

  take(root: string, payloads: readonly JsonObject[]): void {
    for (const { path, old_path: old, status, after, kind } of payloads) {
      const relative = String(path).slice(root.length + 1);
      const oldRelative = typeof old === "string" ? old.slice(root.length + 1) : null;
      if (oldRelative !== null) {
        for (const [known, value] of [...this.paths]) {
          if (known !== oldRelative && !known.startsWith(`${oldRelative}/`)) continue;
          this.paths.delete(known);
          this.paths.set(relative + known.slice(oldRelative.length), value);
        }
      }
      if (status === "deleted") this.paths.delete(relative);
      else if (status !== "transient" && typeof after === "object" && after !== null) {
        this.paths.set(
          relative,
          kind === "directory" ? "directory" : `file ${String((after as JsonObject).size)}`,
        );
      }
    }
  }
}

async function watched(
  backend: "fanotify" | "inotify",
  queue: "unlimited" | "limited" = "unlimited",
  settle = { settle_ms: 20, settle_most_ms: 100 },
) {
  const root = await tempFolder("observed");
  const state = await tempFolder("observed-state");
  const watch = await openWatchDesk(state, { paths: [{ path: root }], ...settle }, agentSide(), {
    observe: { backend, queue },
  });
  const sh = (script: string) => run("bash", ["-c", script], { cwd: root });
  const told = new Told();
  const seen: JsonObject[] = [];
  /** Waits until what was told is what is there. */
  const settled = async () => {
    await waitUntil(
      "what was told is what is there",
      async () => {
        const fresh = await watch.told();
        seen.push(...fresh);
        told.take(
          root,
          fresh.filter(({ trigger }) => trigger === "watch.file_changed"),
        );
        const there = tree(root);
        const missing = [...there]
          .filter(([path, what]) => told.paths.get(path) !== what)
          .map(([path]) => path);
        const extra = [...told.paths.keys()].filter((path) => !there.has(path));
        if (missing.length + extra.length === 0) return true;
        throw new Error(`missing ${missing.slice(0, 5).join(" ")}; extra ${extra.slice(0, 5).join(" ")}`);
      },
      30_000,
      50,
    );
  };
  return { root, watch, sh, settled, seen };
}

describe.each(backends)("%s", (backend) => {
  test("sees files, folders and links come, change and go", async () => {
    const { sh, settled, seen, root } = await watched(backend);
    await sh("echo 1 > a; mkdir d; echo 2 > d/b; ln -s a l; echo more >> a; chmod 600 d/b; : > d/c; rm d/c");
    await settled();
    await sh("rm a; mv d/b d/e; rmdir nothing 2>/dev/null; echo x > d/f; truncate -s 100 d/f; rm l");
    await settled();
    const renamed = seen.find(({ status }) => status === "renamed");
    expect(renamed).toMatchObject({ path: join(root, "d/e"), old_path: join(root, "d/b") });
  });

  test("misses nothing in folders that are made and filled at once", async () => {
    const { sh, settled, root } = await watched(backend);
    await sh("for i in $(seq 100); do mkdir -p n$i/a/b/c && echo $i > n$i/a/b/c/f; done");
    await settled();
    expect(tree(root).size).toBe(100 * 5);
  });

  test("follows folders that move in, within and out of what is watched", async () => {
    const { sh, settled, root, seen } = await watched(backend);
    const outside = await tempFolder("outside");
    await sh(`mkdir -p ${outside}/in/x; echo 1 > ${outside}/in/x/1; mkdir -p d/e/f; echo 1 > d/e/f/g`);
    await settled();
    await sh(`mv ${outside}/in .; mv d/e m; mv m/f/g m/g`);
    await settled();
    await sh(`echo 2 > in/x/2; echo 3 > m/f/new; mkdir m/f/deeper`);
    await settled();
    await sh(`mv m ${outside}/m; mv d d2; echo later > ${outside}/m/f/new; echo 4 > d2/4`);
    await settled();
    expect(seen.some(({ status, children }) => status === "renamed" && Number(children) > 0)).toBe(true);
    expect([...tree(root).keys()].some((path) => path.startsWith("m"))).toBe(false);
  });

  test("tells an editor's save as one change of the file", async () => {
    const { sh, settled, seen, root } = await watched(backend, "unlimited", {
      settle_ms: 1_000,
      settle_most_ms: 5_000,
    });
    await sh("echo 1 > c; echo 1 > v");
    await settled();
    seen.length = 0;
    await sh("echo 22 > .c.tmp; mv .c.tmp c; sed -i s/1/333/ v");
    await settled();
    const told = seen.filter(({ status }) => status !== "transient");
    expect(told.map(({ status, path }) => `${String(status)} ${String(path)}`).sort()).toEqual([
      `modified ${join(root, "c")}`,
      `modified ${join(root, "v")}`,
    ]);
  });

  test("that lost events says so, and finds everything by looking again", async () => {
    const { root, settled, seen } = await watched(backend, "limited");
    // Nothing is read while this runs, and the queue takes 16,384 events.
    for (let n = 0; n < 300; n++) {
      writeFileSync(join(root, `${n}.0`), `${n}`);
      for (let name = 0; name < 60; name++)
        renameSync(join(root, `${n}.${name}`), join(root, `${n}.${name + 1}`));
    }
    await settled();
    expect(tree(root).size).toBe(300);
    expect(seen.filter(({ trigger }) => trigger === "watch.gap")).toMatchObject([{ cause: "overflow" }]);
  });

  test("sees what is watched by a way through a symbolic link, and that the link leads elsewhere now", async () => {
    const place = await tempFolder("linked");
    const state = await tempFolder("linked-state");
    execFileSync(
      "bash",
      ["-c", "mkdir -p v1/app v2/app; ln -s v1 current; echo 1 > v1/app/a; echo 2 > v2/app/a"],
      {
        cwd: place,
      },
    );
    const root = join(place, "current/app");
    const paths = [{ path: root }, { path: join(place, "v2/app") }];
    const watch = await openWatchDesk(state, { paths }, agentSide(), {
      observe: { backend, lookEveryMs: 100 },
    });
    expect(watch.observer?.coverage().map(({ path, state }) => [path, state])).toEqual([
      [root, "live"],
      [join(place, "v2/app"), "live"],
    ]);
    const seen: JsonObject[] = [];
    const told = (what: string) =>
      waitUntil(what, async () => {
        seen.push(...(await watch.told()).filter(({ status }) => status !== "attributes"));
        return seen.some(
          ({ status, trigger, path }) => `${String(status ?? trigger)} ${String(path)}` === what,
        );
      });
    writeFileSync(join(place, "v1/app/b"), "");
    await told(`created ${root}/b`);
    renameSync(join(place, "v1/app/b"), join(place, "v1/app/c"));
    await told(`renamed ${root}/c`);
    seen.length = 0;
    execFileSync("bash", ["-c", "ln -s v2 next && mv -T next current"], { cwd: place });
    await told(`deleted ${root}/c`);
    expect(seen.find(({ trigger }) => trigger === "watch.gap")).toMatchObject({
      cause: "link-changed",
      path: root,
    });
    writeFileSync(join(place, "v2/app/d"), "");
    await told(`created ${root}/d`);
    await told(`created ${join(place, "v2/app/d")}`);
  });

  test("watches what followed links lead to, and what they lead to next", async () => {
    const place = await tempFolder("followed");
    execFileSync(
      "bash",
      ["-c", "mkdir -p v1 v2 in; ln -s v1 current; ln -s ../v2 in/link; echo 1 > v1/a; echo 1 > v2/a"],
      {
        cwd: place,
      },
    );
    const [root, below] = [join(place, "current"), join(place, "in/link")];
    const paths = [
      { path: root, symlinks: "follow" },
      { path: join(place, "in") },
      { path: below, symlinks: "follow" },
    ];
    const watch = await openWatchDesk(await tempFolder("followed-state"), { paths }, agentSide(), {
      observe: { backend, lookEveryMs: 100 },
    });
    const seen: JsonObject[] = [];
    const told = (...what: readonly string[]) =>
      waitUntil(what.join(", "), async () => {
        seen.push(...(await watch.told()));
        const lines = seen.map(({ status, path }) => `${String(status)} ${String(path)}`);
        if (!what.every((line) => lines.includes(line))) throw new Error(lines.join("; "));
        return true;
      });
    writeFileSync(join(place, "v1/b"), "");
    writeFileSync(join(place, "v2/b"), "");
    await told(`created ${root}/b`, `created ${below}/b`);
    seen.length = 0;
    execFileSync("bash", ["-c", "ln -s v2 next && mv -T next current && rm v2/a"], { cwd: place });
    await told(`deleted ${root}/a`, `deleted ${below}/a`);
    writeFileSync(join(place, "v2/c"), "");
    await told(`created ${root}/c`, `created ${below}/c`);
    writeFileSync(join(place, "v1/unseen"), "");
    writeFileSync(join(place, "v2/last"), "");
    await told(`created ${root}/last`, `created ${below}/last`);
    expect(seen.filter(({ path }) => String(path).endsWith("unseen"))).toEqual([]);
  });

  test("leaves nothing behind that keeps a process alive", async () => {
    const { watch, sh } = await watched(backend);
    await sh("echo 1 > a");
    const before = performance.now();
    await watch.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length).toBeLessThan(10);
  });

  test("says how what it watches is covered", async () => {
    const { watch, root } = await watched(backend);
    expect(watch.observer?.coverage()).toMatchObject([{ path: root, backend, state: "live" }]);
  });
});
