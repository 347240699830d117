/** What the binaries are made of, as far as it can be known without building them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { plans } from "../../../../scripts/binaries/contents-of.ts";
import { compiledPath, filesBelow, pathOf, roleOf } from "../../../../shared/runtime/contents.ts";

const root = resolve(import.meta.dirname, "../../../..");

/** Every source of ours that these lead to, statically and later. */
function reached(entries: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(join(root, path), "utf8");
    const imports = text.matchAll(/(?:^|\s)(?:from\s+|import\s+|import\()"(\.[^"]+)"/g);
    for (const [, to = ""] of imports) visit(normalize(join(dirname(path), to)));
  };
  entries.forEach(visit);
  return seen;
}

const entriesOf = ({ main, programs, modules }: (typeof plans)[number]) => [
  main,
  ...Object.values(programs),
  ...modules,
];

describe.each(plans)("$name", (plan) => {
  const sources = reached(entriesOf(plan));

  test("is made of sources that exist", () => {
    expect(
      [...entriesOf(plan), ...plan.files, ...plan.packs].filter((path) => !existsSync(join(root, path))),
    ).toEqual([]);
  });

  test("reaches nothing that must not be in it", () => {
    expect([...sources].filter((path) => plan.without.some((start) => path.startsWith(start)))).toEqual([]);
  });

  test("has every program, module and file that its sources name by address", () => {
    const inside = [...entriesOf(plan), ...plan.files, ...plan.packs];
    const named = [...sources].flatMap((path) =>
      [
        ...readFileSync(join(root, path), "utf8").matchAll(
          /new URL\(\s*["`]([^"`$]+)[^,]*,\s*import\.meta\.url/g,
        ),
      ].map(([, to = ""]) => normalize(join(dirname(path), to)).replace(/(?<=.)\/$/, "")),
    );
    expect(named.length).toBeGreaterThan(1);
    const missing = named.filter((path) => !inside.some((one) => one === path || one.startsWith(path)));
    // The table of licences is made by the build; the project's own folder is asked for in a checkout only.
    expect(missing.filter((path) => path !== "licenses.json" && path !== ".")).toEqual([]);
  });
});

describe("names in a binary", () => {
  const file = { mode: 0o644, size: 1, sha256: "00" };
  const contents = {
    id: "0",
    version: "1",
    target: "linux-x64",
    main: "a.ts",
    programs: { sensor: "agent/s-main.ts" },
    files: { "agent/python/b.py": file, "agent/python/a/c.py": file, "agent/pythonic/d.py": file },
  };

  test("are paths from the project's root", () => {
    const here = "petrel:/agent/watch/x.ts";
    expect(pathOf(new URL("./reading/y-main.ts", here))).toBe("agent/watch/reading/y-main.ts");
    expect(pathOf(new URL("../python", here))).toBe("agent/python");
    expect(compiledPath(pathOf(new URL("./y.ts", here)))).toBe("agent/watch/y.js");
    expect(() => pathOf(new URL("file:///etc/passwd"))).toThrow(/no file of a binary/);
  });

  test("are found by folder and by role", () => {
    expect(filesBelow(contents, "agent/python").map(([path]) => path)).toEqual(["a/c.py", "b.py"]);
    expect(roleOf(contents, "agent/s-main.ts")).toBe("sensor");
    expect(roleOf(contents, "a.ts")).toBe(null);
    expect(() => roleOf(contents, "agent/main.ts")).toThrow(/no program/);
  });
});
