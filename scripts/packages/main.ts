/** `npm run build:packages`: of the binaries in dist/TARGET, a .tar.xz, and for each program a .deb and an .rpm. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { exampleAgentConfig } from "../../agent/install/example-config.ts";
import { actionsUser, agentProduct } from "../../agent/install/product.ts";
import { actionsUnit, actionsUnitText, agentUnit } from "../../agent/install/unit.ts";
import { exampleHubConfig } from "../../hub/install/example-config.ts";
import { hubProduct, hubUser } from "../../hub/install/product.ts";
import { hubUnit } from "../../hub/install/unit.ts";
import { layoutOf } from "../../shared/install/layout.ts";
import { version as ownVersion } from "../../shared/version.ts";
import {
  architectures,
  type Brought,
  debControl,
  debScripts,
  ownFiles,
  type PackageFacts,
  rpmSpec,
  type Target,
} from "./texts.ts";

const root = resolve(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: Object.keys(architectures) },
    only: { type: "string", multiple: true, default: ["tar", "deb", "rpm"] },
    dist: { type: "string", default: join(root, "dist") },
    version: { type: "string", default: ownVersion },
  },
});
const { version } = values;
const dist = resolve(values.dist);
const out = join(dist, "packages");

/** Of the commit, so that the same sources make the same packages. */
const epoch = Number(
  process.env.SOURCE_DATE_EPOCH ??
    execFileSync("git", ["-C", root, "log", "-1", "--format=%ct"], { encoding: "utf8" }).trim(),
);
const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch), LC_ALL: "C", TZ: "UTC" };

interface Package extends Brought {
  readonly facts: PackageFacts;
}

const agentLayout = layoutOf(agentProduct);
const hubLayout = layoutOf(hubProduct);
const packages: readonly Package[] = [
  {
    facts: {
      product: agentProduct,
      name: "petrel-agent",
      version,
      summary: "Petrel's agent: runs sensors and actions on this host",
      user: { name: actionsUser, home: "/nonexistent" },
      owner: null,
      next: "petrel-agent enroll --hub mqtts://HOST --token TOKEN; systemctl enable --now petrel-agent",
    },
    config: exampleAgentConfig,
    units: {
      [agentProduct.unit]: agentUnit({
        program: `${agentLayout.current}/${agentProduct.program}`,
        guard: agentLayout.guard,
      }),
      [actionsUnit]: actionsUnitText(),
    },
  },
  {
    facts: {
      product: hubProduct,
      name: "petrel",
      version,
      summary: "Petrel's hub and command line: rules, executions, the fleet",
      user: { name: hubUser, home: hubProduct.state },
      owner: hubUser,
      next: "systemctl enable --now petrel-hub; petrel agent token",
    },
    config: exampleHubConfig,
    units: {
      [hubProduct.unit]: hubUnit({
        program: `${hubLayout.current}/${hubProduct.program}`,
        guard: hubLayout.guard,
        state: hubProduct.state,
        user: hubUser,
      }),
    },
  },
];

const work = mkdtempSync(join(tmpdir(), "petrel-packages-"));
try {
  mkdirSync(out, { recursive: true });
  for (const target of Object.keys(architectures) as Target[]) {
    if (!values.target.includes(target)) continue;
    const binaries = join(dist, target);
    if (!existsSync(join(binaries, "petrel-agent"))) {
      console.error(`there are no binaries in ${binaries}: npm run build:binaries makes them`);
      process.exitCode = 1;
      continue;
    }
    if (values.only.includes("tar")) tarball(binaries, target);
    for (const each of packages) {
      if (values.only.includes("deb")) deb(each, binaries, target);
      if (values.only.includes("rpm")) rpm(each, binaries, target);
    }
  }
  writeSums();
} finally {
  rmSync(work, { recursive: true, force: true });
}

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

function copyProgram(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

/** Of everything below: when the umask and the clock have no say, builds are the same. */
function settle(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) settle(path);
    else if (entry.isSymbolicLink()) lutimesSync(path, epoch, epoch);
    else utimesSync(path, epoch, epoch);
  }
  chmodSync(folder, 0o755);
  utimesSync(folder, epoch, epoch);
}

/** The files of one package, as they will lie on the host. */
function tree(each: Package, binaries: string, folder: string): void {
  const { facts } = each;
  const { product } = facts;
  const { shipped } = layoutOf(product, folder);
  copyProgram(join(binaries, product.program), join(shipped, product.program));
  for (const [path, { text, mode }] of Object.entries(ownFiles(facts, each)))
    write(join(folder, path), text, mode);
  mkdirSync(join(folder, "usr/bin"), { recursive: true });
  symlinkSync(
    `../../opt/petrel/${product.name}/current/${product.program}`,
    join(folder, "usr/bin", product.program),
  );
  settle(folder);
}

function tarball(binaries: string, target: Target): void {
  const name = `petrel-${version}-${target}`;
  const folder = join(work, name);
  for (const { facts } of packages)
    copyProgram(join(binaries, facts.product.program), join(folder, facts.product.program));
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  for (const file of readdirSync(binaries).filter(
    (each) => each === "SHA256SUMS" || each.endsWith(".cdx.json"),
  ))
    copyFileSync(join(binaries, file), join(folder, file));
  settle(folder);
  const archive = join(out, `${name}.tar`);
  const order = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  execFileSync("tar", ["-C", work, ...order, "-cf", archive, name], { env });
  execFileSync("xz", ["-6", "-T1", "-f", archive], { env });
  made(`${archive}.xz`);
}

function deb(each: Package, binaries: string, target: Target): void {
  const { facts, units } = each;
  const folder = join(work, `${facts.name}-${target}-deb`);
  mkdirSync(folder);
  tree(each, binaries, folder);
  const kib = Math.ceil(statSync(join(binaries, facts.product.program)).size / 1024);
  write(join(folder, "DEBIAN/control"), debControl(facts, target, kib));
  for (const [name, text] of Object.entries(debScripts(facts, Object.keys(units))))
    write(join(folder, "DEBIAN", name), text, 0o755);
  settle(folder);
  const file = join(out, `${facts.name}_${version}_${architectures[target].deb}.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", folder, file], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  made(file);
}

function rpm(each: Package, binaries: string, target: Target): void {
  const { facts, units } = each;
  const { product } = facts;
  const top = join(work, `${facts.name}-${target}-rpm`);
  const folder = join(top, "root");
  mkdirSync(folder, { recursive: true });
  tree(each, binaries, folder);
  const files = [
    `/opt/petrel/${product.name}`,
    `/usr/bin/${product.program}`,
    ...Object.keys(units).map((name) => `/usr/lib/systemd/system/${name}`),
  ];
  const spec = join(top, `${facts.name}.spec`);
  writeFileSync(spec, rpmSpec(facts, Object.keys(units), files));
  const defines = [
    `_topdir ${top}`,
    `_rpmdir ${out}`,
    `_rpmfilename ${facts.name}-${version}-1.${architectures[target].rpm}.rpm`,
    "_buildhost petrel",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "_binary_payload w6.xzdio",
  ].flatMap((define) => ["--define", define]);
  const args = [
    "-bb",
    "--quiet",
    "--target",
    `${architectures[target].rpm}-linux`,
    "--buildroot",
    folder,
    ...defines,
    spec,
  ];
  execFileSync("rpmbuild", args, { env, stdio: ["ignore", "ignore", "inherit"] });
  made(join(out, `${facts.name}-${version}-1.${architectures[target].rpm}.rpm`));
}

function made(file: string): void {
  console.log(`${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}

function writeSums(): void {
  const names = readdirSync(out)
    .filter((name) => /\.(deb|rpm|tar\.xz)$/.test(name))
    .sort();
  const sum = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(out, name)))
      .digest("hex");
  writeFileSync(join(out, "SHA256SUMS"), names.map((name) => `${sum(name)}  ${name}\n`).join(""));
}
