/** What packages hold besides the program: control data and maintainer scripts, as text. Pure. */
import { basename, dirname } from "node:path";
import { guardText } from "../../shared/install/guard.ts";
import { layoutOf, type Product } from "../../shared/install/layout.ts";

export interface PackageFacts {
  readonly product: Product;
  /** Name of the package. */
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  /** A system user that it needs, and its home. */
  readonly user: { readonly name: string; readonly home: string };
  /** Who owns state and may read the configuration; `null`: root alone. */
  readonly owner: string | null;
  /** What people do after a first installation. */
  readonly next: string;
}

export const architectures = {
  "linux-x64": { deb: "amd64", rpm: "x86_64" },
  "linux-arm64": { deb: "arm64", rpm: "aarch64" },
} as const;
export type Target = keyof typeof architectures;

/** What a package brings besides the program: text and mode, by path. */
export interface Brought {
  readonly config: string;
  /** By name of the unit. */
  readonly units: Readonly<Record<string, string>>;
}

/**
 * Files that the package manager puts there, and takes away when the package is removed; besides the program. Guard and
 * configuration are not among them where they are used: an installation by file uses them at the same places, and would lose
 * them with the package.
 */
export function ownFiles(
  { product }: PackageFacts,
  { config, units }: Brought,
): Readonly<Record<string, { readonly text: string; readonly mode: number }>> {
  const { shipped } = layoutOf(product);
  return {
    [`${shipped}/guard`]: { text: guardText(product), mode: 0o755 },
    [`${shipped}/${basename(product.config)}`]: { text: config, mode: 0o644 },
    ...Object.fromEntries(
      Object.entries(units).map(([name, text]) => [`/usr/lib/systemd/system/${name}`, { text, mode: 0o644 }]),
    ),
  };
}

/** deb-version(7) and rpm sort `~` before everything, as semver sorts what follows a dash. */
export const packageVersion = (version: string) => version.replace("-", "~");

export function debControl(
  { name, version, summary }: PackageFacts,
  target: Target,
  installedKib: number,
): string {
  return `Package: ${name}
Version: ${packageVersion(version)}
Architecture: ${architectures[target].deb}
Maintainer: Petrel
Installed-Size: ${installedKib}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), passwd
Recommends: systemd
Section: admin
Priority: optional
Description: ${summary}
`;
}

const base = ({ product }: PackageFacts) => `/opt/petrel/${product.name}`;

/** Where units of an operator and of `install` lie, before those of packages. */
const ownUnits = "/etc/systemd/system";

/** Words of sh: true where `install` has put the program since, and what is there is no package's any more. */
function isByFile({ product }: PackageFacts): string {
  const { unit, command } = layoutOf(product);
  return `[ -f ${unit} ] && [ ! -L ${unit} ] && [ -L ${command} ]`;
}

/**
 * After files are replaced. What the package brings becomes one of the versions, which the package manager knows nothing
 * of: so it never removes the one that is in force, or the way back. The program in force decides, as for any upgrade; a
 * version that it refuses or that was not well is told and fails no package manager. `downgrade`: words of sh that are
 * true when whoever installs has asked for an older package.
 */
export function configureScript(
  facts: PackageFacts,
  units: readonly string[],
  downgrade: string | null,
): string {
  const { product, version, user, owner } = facts;
  const { program } = product;
  const owned = owner === null ? "" : ` -o ${owner} -g ${owner}`;
  const allowed =
    downgrade === null ? "set --" : `if ${downgrade}; then set -- --allow-downgrade; else set --; fi`;
  return `# Whole, or as it was: a disk may be full, and what rpm runs goes on after what has failed.
place() {
  if install -m $1 $2 $3.new && { sync $3.new 2> /dev/null || :; }; then
    mv -f $3.new $3
  else
    rm -f $3.new
    echo "$3 could not be written" >&2
    return 1
  fi
}
base=${base(facts)}
shipped=$base/package/${program}
own=$base/versions/${version}
id -u ${user.name} > /dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir ${user.home} --shell /usr/sbin/nologin ${user.name}
install -d -m ${product.stateMode.toString(8)}${owned} ${product.state}
${configScript(facts)}${owner === null ? "" : `[ ! -f ${product.config} ] || { chgrp ${owner} ${product.config}; chmod 0640 ${product.config}; }\n`}now=$(readlink $base/current 2> /dev/null | sed -n 's|^versions/||p')
install -d -m 755 $base $base/versions $own
# Copies: what is used is not the package manager's to take away.
place 755 $base/package/guard $base/guard
# The same file under a second name. The package manager puts a new file in the place of its own, and this one stays.
if ! cmp -s $shipped $own/${program}; then
  rm -f $own/.new
  ln $shipped $own/.new
  mv -f $own/.new $own/${program}
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload
if [ -z "$now" ] || [ ! -x "$base/current/${program}" ]; then
  ln -sfn versions/${version} $base/current.new && mv -fT $base/current.new $base/current
${againScript(facts)}elif [ "$now" = "${version}" ] && [ -f ${layoutOf(product).removed} ] && ! { ${isByFile(facts)}; }; then
  # Cut off before it was as before, or it could not be.
${againScript(facts)}else
  # Of before that was put there which is in force.
  rm -f ${layoutOf(product).removed} || :
  if [ "$now" != "${version}" ]; then
    ${allowed}
    "$base/current/${program}" upgrade $shipped "$@" || {
      echo "${facts.name} ${version} did not take its place: in force is $(readlink $base/current | sed 's|^versions/||'). What to do is said above; then:" >&2
      echo "  ${program} upgrade $shipped" >&2
    }
  fi
fi
for unit in ${units.join(" ")}; do
  [ ! -e ${ownUnits}/$unit ] && [ ! -L ${ownUnits}/$unit ] ||
    echo "${ownUnits}/$unit hides the unit of ${facts.name} ${version}, which counts once that is moved away, and after: systemctl daemon-reload"
done
`;
}

/**
 * Written where there is none, and then it belongs to who edits it. An .rpm of before had it as a file of its own: what rpm
 * has put aside of that is put back.
 */
function configScript({ product: { name, config, configMode } }: PackageFacts): string {
  const folder = dirname(config);
  return `if [ ! -e ${config} ] && [ ! -L ${config} ]; then
  [ -d ${folder} ] || install -d -m 755 ${folder}
  if [ -f ${config}.rpmsave ]; then
    mv -f ${config}.rpmsave ${config}
    echo "${config} is again what rpm had put aside as ${config}.rpmsave"
  else
    place ${configMode.toString(8)} /opt/petrel/${name}/package/${basename(config)} ${config}
  fi
fi
`;
}

/**
 * The unit as it was when the package was removed; the mark of that stays until it is. Started is what nobody had stopped.
 */
function againScript({ product, name, version, next }: PackageFacts): string {
  const { removed } = layoutOf(product);
  const { unit } = product;
  const installed = `${name} ${version} is installed`;
  return `  if [ -f ${removed} ] && systemctl enable ${unit} > /dev/null 2>&1; then
    words=$(cat ${removed})
    rm -f ${removed}
    if [ "$words" != --now ]; then
      echo "${installed}, enabled, and stopped, as it was before it was removed."
    elif [ ! -d /run/systemd/system ] || systemctl start ${unit} > /dev/null 2>&1; then
      echo "${installed}, and enabled as it was before it was removed."
    else
      echo "${installed}, and enabled as it was before it was removed. It did not start: journalctl -u ${unit}"
    fi
  elif [ -f ${removed} ]; then
    echo "${installed}, and could not be enabled as it was before it was removed: systemctl enable $(cat ${removed}) ${unit}"
  else
    echo "${installed}. Next: ${next}"
  fi
`;
}

/** Before files go for good; whoever installs it again finds its unit as it was. A note of that which fails stops nothing. */
export function stopScript(facts: PackageFacts, units: readonly string[]): string {
  const { unit } = facts.product;
  const { removed } = layoutOf(facts.product);
  const all = [unit, ...units.filter((each) => each !== unit)].join(" ");
  return `if ${isByFile(facts)}; then exit 0; fi
if [ -d /run/systemd/system ]; then
  rm -f ${removed} || :
  if systemctl is-enabled --quiet ${unit} 2> /dev/null; then
    words=--now
    [ "$(systemctl is-active ${unit} 2> /dev/null)" != inactive ] || words=
    { echo "$words" > ${removed}; } 2> /dev/null || :
  fi
  systemctl disable --now ${all} > /dev/null 2>&1 || :
fi
`;
}

/** After they have gone: what the package manager does not know of. */
export function tidyScript(facts: PackageFacts): string {
  return `if ${isByFile(facts)}; then exit 0; fi
rm -rf ${base(facts)}
rmdir --ignore-fail-on-non-empty /opt/petrel 2> /dev/null || :
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
`;
}

export function purgeScript(facts: PackageFacts): string {
  const { state, config, removed } = layoutOf(facts.product);
  return `rm -rf ${state} ${config} ${removed}\nrmdir --ignore-fail-on-non-empty /etc/petrel 2> /dev/null || :\n`;
}

const script = (...parts: readonly string[]) => `#!/bin/sh\nset -e\n${parts.join("")}exit 0\n`;

/** By name of the maintainer script (deb-postinst(5) and its like). */
export function debScripts(facts: PackageFacts, units: readonly string[]): Readonly<Record<string, string>> {
  const when = (words: string, body: string) => `case $1 in\n${words})\n${body};;\nesac\n`;
  return {
    // $2 is the version that was configured before. Also dpkg puts an older one in its place only when told to.
    postinst: script(
      when(
        "configure",
        configureScript(
          facts,
          units,
          `[ -n "$2" ] && dpkg --compare-versions "$2" gt ${packageVersion(facts.version)}`,
        ),
      ),
    ),
    prerm: script(when("remove", stopScript(facts, units))),
    postrm: script(when("remove | purge", tidyScript(facts)), when("purge", purgeScript(facts))),
  };
}

/** `files`: absolute paths below the build root. */
export function rpmSpec(facts: PackageFacts, units: readonly string[], files: readonly string[]): string {
  const { name, version, summary } = facts;
  return `Name: ${name}
Version: ${packageVersion(version)}
Release: 1
Summary: ${summary}
License: Apache-2.0
AutoReqProv: no
Requires: glibc >= 2.28, libstdc++, shadow-utils
%global __os_install_post %{nil}
%global debug_package %{nil}
%global _build_id_links none
%description
${summary}
%posttrans
${configureScript(facts, units, null)}:
%preun
[ "$1" -gt 0 ] || {
${stopScript(facts, units)}}
%postun
[ "$1" -gt 0 ] || {
${tidyScript(facts)}}
%files
${files.join("\n")}
`;
}
