/** `npm run build:binaries`: makes `petrel` and `petrel-agent`, for each target, in dist/TARGET. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { contentsAsset } from "../../shared/runtime/contents.ts";
import { bundle } from "./bundle-process.ts";
import { type BinaryPlan, plans, type Target, targets } from "./contents-of.ts";
import { makeExecutable } from "./executable-process.ts";
import { contentsOf, filesOf } from "./files-fs.ts";
import type { Lock } from "./lock.ts";
import { fetchPackage } from "./registry-process.ts";

const usage = `usage: npm run build:binaries -- [--target ${targets.join("|")}]… [--only petrel|petrel-agent] [--out FOLDER] [--strip]`;

const root = resolve(import.meta.dirname, "../..");
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;

/** Node's flags in all roles: what it warns of is known, and does not belong in a service's log. */
const flags = ["ExperimentalWarning", "MODULE_TYPELESS_PACKAGE_JSON", "DEP0169"].map(
  (name) => `--disable-warning=${name}`,
);
const strips: Readonly<Record<Target, string>> = {
  "linux-x64": "strip",
  "linux-arm64": "aarch64-linux-gnu-strip",
};

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: [...targets] },
    only: { type: "string" },
    out: { type: "string", default: join(root, "dist") },
    strip: { type: "boolean", default: false },
  },
});
const wanted = targets.filter((target) => values.target.includes(target));
const chosen = plans.filter(({ name }) => values.only === undefined || values.only === name);
if (wanted.length !== new Set(values.target).size || chosen.length === 0) {
  console.error(usage);
  process.exit(2);
}
const out = resolve(values.out);
const cache = join(root, "dist", "cache");

for (const plan of chosen) {
  const bundled = await bundle(root, plan);
  for (const target of wanted) await make(plan, target, bundled);
}
for (const target of wanted) writeSums(join(out, target));

async function make(
  plan: BinaryPlan,
  target: Target,
  bundled: Awaited<ReturnType<typeof bundle>>,
): Promise<void> {
  const addons = new Map(
    plan.addons.map((name) => [`native/${name}.node`, readFileSync(addonOf(name, target))]),
  );
  const files = await filesOf(root, plan, addons);
  const contents = Buffer.from(JSON.stringify(contentsOf(plan, target, files)));
  const path = join(out, target, plan.name);
  await makeExecutable({
    path,
    workFolder: join(out, target, `${plan.name}.work`),
    node: nodeOf(target),
    hostNode: nodeOf(`linux-${process.arch}` as Target),
    strip: values.strip ? strips[target] : null,
    flags,
    main: bundled.main,
    assets: new Map([
      ...bundled.modules,
      ...[...files].map(([name, { content }]): [string, Uint8Array] => [name, content]),
      ["thread.cjs", bundled.thread],
      [contentsAsset, contents],
    ]),
  });
  console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
}

function nodeOf(target: Target): string {
  return join(fetchPackage(`node-${target}`, lock, cache), "bin", "node");
}

/** classic-level brings all of them along; of koffi each system has a package. */
function addonOf(name: string, target: Target): string {
  if (name === "koffi") {
    const folder = fetchPackage(`@koromix/koffi-${target}`, lock, cache);
    return join(folder, target.replace("-", "_"), "koffi.node");
  }
  const file = target === "linux-arm64" ? "classic-level.armv8.node" : "classic-level.node";
  return join(root, "node_modules", name, "prebuilds", target, file);
}

/** Of everything in the folder that is to be handed on. */
function writeSums(folder: string): void {
  const lines = readdirSync(folder)
    .filter((name) => name !== "SHA256SUMS" && statSync(join(folder, name)).isFile())
    .sort()
    .map(
      (name) =>
        `${createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex")}  ${name}\n`,
    );
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}
