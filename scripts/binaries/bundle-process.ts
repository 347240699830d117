/** From sources to the modules of a binary: each program a module of its own, what they share in chunks. */
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type BuildResult, build, type Metafile, type Plugin } from "esbuild";
import { compiledPath, scheme } from "../../shared/runtime/contents.ts";
import type { BinaryPlan } from "./contents-of.ts";

export interface Bundle {
  /** By path in the binary. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  /** Scripts that Node itself runs: the binary's beginning, and a thread's. */
  readonly main: Uint8Array;
  readonly thread: Uint8Array;
  /** Paths of all sources that are in it, from the project's root. */
  readonly inputs: readonly string[];
}

/** What CommonJS packages require is Node's own: all else is in the bundle. */
const ownRequire =
  'const require=(n)=>{const m=process.getBuiltinModule(n);if(m)return m;throw Object.assign(new Error("Cannot find module \'"+n+"\'"),{code:"MODULE_NOT_FOUND"})};';

const common = {
  bundle: true,
  platform: "node",
  // A node_modules that is a link, as in a second worktree, is the same one: else paths of elsewhere would be inside.
  preserveSymlinks: true,
  target: "node24",
  // Names stay: they are what stack traces are read by. Lines are broken for the same reason.
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: false,
  lineLimit: 160,
  legalComments: "none",
  charset: "ascii",
  metafile: true,
  write: false,
  logLevel: "warning",
} as const;

/** Throws when something is in it that must not be. */
export async function bundle(root: string, plan: BinaryPlan): Promise<Bundle> {
  const entries = [plan.main, ...Object.values(plan.programs), ...plan.modules];
  const programs = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: Object.fromEntries(entries.map((path) => [path.replace(/\.ts$/, ""), path])),
    outdir: "dist/modules",
    entryNames: "[dir]/[name]",
    chunkNames: "chunks/[name]-[hash]",
    format: "esm",
    splitting: true,
    banner: { js: ownRequire },
    // Asked by the loaders of native add-ons, which are led elsewhere, and by what looks for files to start: none is used.
    define: { __dirname: '"/"', __filename: '"/petrel.cjs"' },
    plugins: [addresses(root), addons(root)],
  });
  const starts = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: { main: "shared/runtime/binary-main.ts", thread: "shared/runtime/thread-main.ts" },
    outdir: "dist/modules",
    format: "cjs",
  });
  const modules = outputs(root, programs);
  const [main, thread] = ["main.js", "thread.js"].map((name) => outputs(root, starts).get(name));
  const missing = entries.filter((path) => !modules.has(compiledPath(path)));
  if (main === undefined || thread === undefined || missing.length > 0)
    throw new Error(`esbuild made no ${missing.join(", ") || "beginning"}`);
  const late = lateCommonJs(programs.metafile);
  if (late.length > 0) throw new Error(`import statically, in a module of its own: ${late.join(", ")}`);
  const inputs = [...inputsOf(programs.metafile), ...inputsOf(starts.metafile)];
  const wrong = inputs.filter((path) => plan.without.some((start) => path.startsWith(start)));
  if (wrong.length > 0) throw new Error(`${plan.name} must not have ${wrong.join(", ")}`);
  return { modules, main, thread, inputs: [...new Set(inputs)].sort() };
}

function outputs(root: string, { outputFiles = [] }: BuildResult): Map<string, Uint8Array> {
  const folder = resolve(root, "dist/modules");
  return new Map(outputFiles.map(({ path, contents }) => [relative(folder, path), contents]));
}

/** A CommonJS package that is imported late has but a `default`: esbuild, unlike Node, does not look for its names. */
function lateCommonJs({ inputs }: Metafile): readonly string[] {
  return Object.entries(inputs).flatMap(([from, { imports }]) =>
    imports
      .filter(({ kind, path }) => kind === "dynamic-import" && inputs[path]?.format === "cjs")
      .map(({ path }) => `${path} in ${from}`),
  );
}

/** Of what is left in the outputs: a package of which nothing is used needs no licence. */
function inputsOf({ outputs: made }: Metafile): readonly string[] {
  return Object.values(made).flatMap(({ inputs }) => Object.keys(inputs));
}

/** In the place of `import.meta.url` the address that the source has in the binary. */
function addresses(root: string): Plugin {
  return {
    name: "addresses",
    setup(made) {
      made.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const from = relative(root, path);
        const text = readFileSync(path, "utf8");
        if (from.startsWith("node_modules") || !text.includes("import.meta")) return null;
        const contents = text
          // koffi, which a checkout requires late: the same, and found by esbuild.
          .replaceAll(/createRequire\(import\.meta\.url\)\("(\w+)"\)/g, 'require("$1")')
          .replaceAll("import.meta.url", JSON.stringify(`${scheme}/${from}`));
        if (/\bimport\.meta\.(dirname|filename)/.test(contents))
          throw new Error(
            `${from}: in a binary there is no such path; use import.meta.url and shared/runtime`,
          );
        return { contents, loader: "ts" };
      });
    },
  };
}

/** Packages with native add-ons look for them beside themselves. */
function addons(root: string): Plugin {
  const loader = join(root, "shared/runtime/addon-process.ts");
  const contents = {
    // It asks for its add-on when it is imported, by processes that open no database or refuse to start: nothing is
    // unpacked before its first call.
    "classic-level": `const binding = Object.create(new Proxy({}, {
      get: (_, name) => Object.assign(binding, loadAddon("classic-level"))[name],
    }));
    module.exports = () => binding;`,
    // Required when it is needed: it calls this at once.
    koffi: `exports.loadStatic = () => loadAddon("koffi");`,
  };
  return {
    name: "addons",
    setup(made) {
      made.onResolve({ filter: /^node-gyp-build$/ }, () => ({ path: "classic-level", namespace: "addon" }));
      made.onResolve({ filter: /\/static\.c?js$/ }, ({ importer }) =>
        importer.includes("/node_modules/koffi/") ? { path: "koffi", namespace: "addon" } : null,
      );
      for (const [name, source] of Object.entries(contents)) {
        made.onLoad({ filter: new RegExp(`^${name}$`), namespace: "addon" }, () => ({
          contents: `const { loadAddon } = require(${JSON.stringify(loader)});\n${source}`,
          resolveDir: root,
          loader: "js",
        }));
      }
    },
  };
}
