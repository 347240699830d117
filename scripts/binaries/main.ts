/** `npm run build:binaries`: makes `petrel` and `petrel-agent`, for each target, in dist/TARGET. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { licensesAsset } from "../../shared/licenses/license.ts";
import { packageLicense } from "../../shared/licenses/package-license-fs.ts";
import { contentsAsset, threadAsset } from "../../shared/runtime/contents.ts";
import { version } from "../../shared/version.ts";
import { type Bundle, bundle } from "./bundle-process.ts";
import { type BinaryPlan, plans, type Target, targets } from "./contents-of.ts";
import { makeExecutable } from "./executable-process.ts";
import { contentsOf, filesOf } from "./files-fs.ts";
import { type Lock, packageFolder } from "./lock.ts";
import { fetchPackage } from "./registry-process.ts";
import { sbom } from "./sbom.ts";

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

/** Of the very version that goes into the binaries: it makes what is put into them. */
const hostNode = join(fetchPackage(`node-linux-${process.arch}`, lock, cache), "bin", "node");
const {
  node: _,
  modules: __,
  napi: ___,
  ...nodeParts
} = JSON.parse(
  execFileSync(hostNode, ["-p", "JSON.stringify(process.versions)"], { encoding: "utf8" }),
) as Record<string, string>;

for (const plan of chosen) {
  const bundled = await bundle(root, plan);
  for (const target of wanted) await make(plan, target, bundled);
}
for (const target of wanted) writeSums(join(out, target));

async function make(plan: BinaryPlan, target: Target, bundled: Bundle): Promise<void> {
  const path = join(out, target, plan.name);
  const addons = plan.addons.map((name) => addonOf(name, target));
  const native = addons.map(({ name, file }): [string, Uint8Array] => [
    `native/${name}.node`,
    readFileSync(file),
  ]);
  const files = await filesOf(root, plan, new Map(native));
  const node = { name: `node-${target}`, folder: fetchPackage(`node-${target}`, lock, cache) };
  const inside = bundled.inputs.map(packageFolder).filter((folder) => folder !== null);
  const licenses = [
    packageLicense(node.folder),
    ...addons.flatMap(({ fetched }) => (fetched === null ? [] : [packageLicense(fetched)])),
    ...[...new Set(inside)].map((folder) => packageLicense(join(root, folder))),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  await makeExecutable({
    path,
    workFolder: join(out, target, `${plan.name}.work`),
    node: join(node.folder, "bin", "node"),
    hostNode,
    strip: values.strip ? strips[target] : null,
    flags: [...flags, ...plan.v8],
    main: bundled.main,
    assets: new Map([
      ...bundled.modules,
      ...[...files].map(([name, { content }]): [string, Uint8Array] => [name, content]),
      [threadAsset, bundled.thread],
      [licensesAsset, Buffer.from(JSON.stringify(licenses))],
      [contentsAsset, Buffer.from(JSON.stringify(contentsOf(plan, target, files)))],
    ]),
  });
  const parts = sbom({
    name: plan.name,
    version,
    sha256: sha256Of(path),
    folders: [...inside, ...addons.map(({ folder }) => folder)],
    lock,
    node: { folder: `node_modules/${node.name}`, parts: nodeParts },
  });
  writeFileSync(`${path}.cdx.json`, `${JSON.stringify(parts, null, 2)}\n`);
  console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
}

/** classic-level brings those of all systems along; of koffi each system has a package. */
function addonOf(name: BinaryPlan["addons"][number], target: Target) {
  if (name === "koffi") {
    const fetched = fetchPackage(`@koromix/koffi-${target}`, lock, cache);
    const file = join(fetched, target.replace("-", "_"), "koffi.node");
    return { name, file, folder: `node_modules/@koromix/koffi-${target}`, fetched };
  }
  const plain = target === "linux-arm64" ? "classic-level.armv8.node" : "classic-level.node";
  const folder = `node_modules/${name}`;
  return { name, file: join(root, folder, "prebuilds", target, plain), folder, fetched: null };
}

/** Of everything in the folder that is to be handed on. */
function writeSums(folder: string): void {
  const lines = readdirSync(folder)
    .filter((name) => name !== "SHA256SUMS" && statSync(join(folder, name)).isFile())
    .sort()
    .map((name) => `${sha256Of(join(folder, name))}  ${name}\n`);
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""));
}

function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
