/** The house rules that a machine can check. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue } from "../shared/errors.ts";

const root = resolve(import.meta.dirname, "..");
const sides = ["shared", "agent", "hub"] as const;

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules" || entry.name.startsWith(".")) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Runtime imports: specifiers of imports and exports that are not types only. */
  readonly imports: readonly string[];
  /** Those of them that are loaded with the file. */
  readonly statics: readonly string[];
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const statics = [
    ...text.matchAll(/^\s*(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm),
  ].map((m) => m[1] ?? "");
  const dynamic = [...text.matchAll(/\bimport\("([^"]+)"\)/g)].map((m) => m[1] ?? "");
  return { path, text, lines: text.split("\n").length - 1, imports: [...statics, ...dynamic], statics };
}

const sources = sides
  .flatMap((side) => filesBelow(side))
  .filter((path) => path.endsWith(".ts"))
  .map(read);
const byPath = new Map(sources.map((source) => [source.path, source]));
const target = (source: Source, specifier: string) => normalize(join(dirname(source.path), specifier));

const rimSuffix = /-(store|mqtt|tcp|fs|process|http|cli)\.ts$/;
const isRoot = (path: string) => /(^|\/|-)main\.ts$/.test(path);
const isRim = (path: string) => rimSuffix.test(path) || isRoot(path);
/** Computation only: these touch nothing outside. `crypto` hashes, `zlib` packs. */
const pureModules = new Set([
  "node:util",
  "node:path",
  "node:path/posix",
  "node:crypto",
  "node:buffer",
  "node:zlib",
  "node:url",
]);
const purePackages = new Set(["ajv", "yaml", "re2js"]);

const bannedNames = /(^|[/-])(utils?|helpers?|managers?|common|misc|handlers?)([.-]|$)/;

describe("the floor plan", () => {
  test("shared knows neither agent nor hub, and these two do not know each other", () => {
    const crossings = sources.flatMap((source) =>
      source.imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(source, specifier))
        .filter((to) => {
          const [from, into] = [source.path.split("/")[0], to.split("/")[0]];
          return from === into ? false : into !== "shared";
        })
        .map((to) => `${source.path} → ${to}`),
    );
    expect(crossings).toEqual([]);
  });

  test("types do not cross between agent and hub either", () => {
    const crossings = sources
      .filter((s) => /from\s+"[./]+(agent|hub)\//.test(s.text))
      .filter((s) => !s.path.startsWith(/from\s+"[./]+(agent|hub)\//.exec(s.text)?.[1] ?? ""))
      .map((s) => s.path);
    expect(crossings).toEqual([]);
  });

  test("only files whose name says so touch the outside", () => {
    const reaching = sources
      .filter((source) => !isRim(source.path))
      .flatMap((source) =>
        source.imports
          .filter((specifier) => !specifier.startsWith("."))
          .filter((specifier) => !pureModules.has(specifier) && !purePackages.has(specifier))
          .map((specifier) => `${source.path} imports ${specifier}`),
      );
    expect(reaching).toEqual([]);
  });

  test("pure files import only pure files", () => {
    const leaks = sources
      .filter((source) => !isRim(source.path))
      .flatMap((source) =>
        source.imports
          .filter((specifier) => specifier.startsWith("."))
          .map((specifier) => target(source, specifier))
          .filter((to) => byPath.has(to) && isRim(to))
          .map((to) => `${source.path} → ${to}`),
      );
    expect(leaks).toEqual([]);
  });

  test("what costs every start has one door: ajv compiles when it is needed, HTTP loads no undici", () => {
    const doors = new Map([
      ["ajv", "shared/validation.ts"],
      ["node:http", null],
      ["node:https", null],
    ]);
    const others = sources.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => doors.has(specifier) && doors.get(specifier) !== path)
        .map((specifier) => `${path} imports ${specifier}`),
    );
    expect(others).toEqual([]);
  });

  test("changes are heard of before ajv is loaded: it would be a quarter of what a start of watching costs", () => {
    const atStart = new Set<string>();
    const visit = (path: string) => {
      const source = byPath.get(path);
      if (source === undefined || atStart.has(path)) return;
      atStart.add(path);
      for (const specifier of source.statics) if (specifier.startsWith(".")) visit(target(source, specifier));
    };
    for (const path of ["agent/sensors/node-sensor-main.ts", "agent/watch/file-watch-main.ts"]) visit(path);
    expect(atStart.size).toBeGreaterThan(50);
    expect([...atStart].filter((path) => byPath.get(path)?.imports.includes("ajv"))).toEqual([]);
  });

  test("pure files ask nobody for the time, for chance or for the environment", () => {
    const asking = sources
      .filter((source) => !isRim(source.path))
      .flatMap((source) =>
        [
          ...source.text.matchAll(
            /\b(Date\.now\(|new Date\(\)|Math\.random\(|process\.(env|argv|cwd|hrtime)|performance\.now\()/g,
          ),
        ].map((m) => `${source.path}: ${m[1]}`),
      );
    expect(asking).toEqual([]);
  });

  test("every relative import names a file that exists", () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(source, specifier))
        .filter((to) => !statSync(join(root, to), { throwIfNoEntry: false })?.isFile())
        .map((to) => `${source.path} → ${to}`),
    );
    expect(broken).toEqual([]);
  });

  test("there is no import cycle between runtime modules", () => {
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === "done") return;
      if (state.get(path) === "open") {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      state.set(path, "open");
      const source = byPath.get(path);
      for (const specifier of source?.imports ?? []) {
        if (source !== undefined && specifier.startsWith("."))
          visit(target(source, specifier), [...trail, path]);
      }
      state.set(path, "done");
    };
    for (const source of sources) visit(source.path, []);
    expect(cycles).toEqual([]);
  });
});

describe("files", () => {
  test("none is longer than 400 lines, most are under 300, and the median is at most 150", () => {
    expect(sources.filter((s) => s.lines > 400).map((s) => `${s.path} (${s.lines})`)).toEqual([]);
    const long = sources.filter((s) => s.lines > 300);
    expect(long.length / sources.length, `over 300: ${long.map((s) => s.path).join(", ")}`).toBeLessThan(0.1);
    const sorted = sources.map((s) => s.lines).sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(150);
  });

  test("have names of the field", () => {
    expect(sources.map((s) => s.path).filter((path) => bannedNames.test(path))).toEqual([]);
    expect(sources.map((s) => s.path).filter((path) => path.endsWith("/index.ts"))).toEqual([]);
  });

  test("open with a sentence that says what they are for", () => {
    const silent = sources.filter((s) => !/^(#!.*\n)?\s*(\/\*\*|\/\/)/.test(s.text)).map((s) => s.path);
    expect(silent).toEqual([]);
  });

  test("switch no check off", () => {
    const off = sources
      .map((s) => ({ ...s, text: s.text.replace(/^\s*(\/\*|\*|\/\/).*$/gm, "") }))
      .filter((s) => /@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore|\bas any\b|: any\b/.test(s.text))
      .map((s) => s.path);
    expect(off).toEqual([]);
  });
});

describe("documents", () => {
  test("docs/errors.md lists exactly the codes of the catalogue", () => {
    const documented = [
      ...readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(/^\| `([A-Z_]+)` \|/gm),
    ].map((m) => m[1]);
    expect(documented).toEqual(Object.keys(catalogue).sort());
  });

  test("a code of an error is in one table", () => {
    const written = sources
      .filter(({ path }) => path.startsWith("shared/error-codes/"))
      .flatMap(({ text }) => [...text.matchAll(/^ {2}([A-Z_]+): \{/gm)].map(([, code]) => code));
    expect(written.sort()).toEqual(Object.keys(catalogue).sort());
  });

  test("the README fits 150 lines and names the two commands", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    expect(readme.split("\n").length).toBeLessThanOrEqual(151);
    expect(readme).toContain("npm start");
    expect(readme).toContain("npm test");
  });

  test("decision records have unique numbers and at most 60 lines, and the index names each", () => {
    const records = filesBelow("docs/decisions");
    const numbers = records.map((path) => relative("docs/decisions", path).slice(0, 4));
    expect(new Set(numbers).size).toBe(numbers.length);
    const index = readFileSync(join(root, "docs/decisions.md"), "utf8");
    for (const path of records) {
      expect(index).toContain(relative("docs", path));
      expect(readFileSync(join(root, path), "utf8").split("\n").length, path).toBeLessThanOrEqual(61);
    }
  });

  test("every direct dependency has its line in docs/decisions.md", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const index = readFileSync(join(root, "docs/decisions.md"), "utf8");
    const names = Object.entries(manifest as Record<string, Record<string, string>>)
      .filter(([field]) => /ependencies$/.test(field))
      .flatMap(([, list]) => Object.keys(list));
    expect(names.filter((name) => !index.includes(`\`${name}\``))).toEqual([]);
  });
});
