/** Recognises the programs that install software. Pure. */

/** Programs by themselves; from a folder that only root writes to, so that nobody gets the name by calling a file so. */
const programs: Readonly<Record<string, string>> = {
  dpkg: "dpkg",
  "dpkg-deb": "dpkg",
  apt: "apt",
  "apt-get": "apt",
  aptitude: "apt",
  rpm: "rpm",
  rpmdb: "rpm",
  dnf5: "dnf",
  microdnf: "dnf",
  packagekitd: "packagekit",
  zypper: "zypper",
  pacman: "pacman",
  apk: "apk",
  snapd: "snap",
  flatpak: "flatpak",
  uv: "uv",
};
/** Scripts, which an interpreter runs. */
const scripts: Readonly<Record<string, string>> = {
  dnf: "dnf",
  "dnf-3": "dnf",
  yum: "yum",
  "unattended-upgrade": "apt",
  "unattended-upgrades": "apt",
  "unattended-upgrade-shutdown": "apt",
  pip: "pip",
  pip3: "pip",
  pipx: "pip",
  npm: "npm",
  npx: "npm",
  "npm-cli.js": "npm",
  "npx-cli.js": "npm",
  "yarn.js": "yarn",
  yarn: "yarn",
  pnpm: "pnpm",
  "pnpm.cjs": "pnpm",
  gem: "gem",
  composer: "composer",
};
const systemFolder = /^\/(usr\/(local\/)?)?(s?bin|lib|libexec|lib\/[^/]+)\/[^/]+$/;
const interpreter = /^(python|pypy|node|nodejs|ruby|perl|php)[\d.]*$/;

/** The manager's name, or `null`. `script`: what an interpreter was given to run. */
export function packageProgramOf(exe: string | null, script: string | null): string | null {
  if (exe === null) return null;
  const name = baseName(exe);
  if (systemFolder.test(exe) && Object.hasOwn(programs, name)) return programs[name] ?? null;
  if (script === null || !interpreter.test(name)) return null;
  const run = baseName(script).replace(/^pip3\.\d+$/, "pip3");
  return Object.hasOwn(scripts, run) ? (scripts[run] ?? null) : null;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
