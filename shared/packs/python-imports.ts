/**
 * What Python code of a pack imports that will not be there. StackStorm runs packs with its own virtualenv on the path,
 * so published ones use libraries that their requirements.txt does not name (st2 docs, Pack virtual environments). Pure.
 */
import type { Problem } from "../problem.ts";
import type { PackFile } from "./pack-file.ts";

/** Modules of StackStorm's own requirements that packs import, each with what pip calls it. */
const broughtAlong: Readonly<Record<string, string>> = {
  bcrypt: "bcrypt",
  ciso8601: "ciso8601",
  cryptography: "cryptography",
  dateutil: "python-dateutil",
  dns: "dnspython",
  git: "gitpython",
  jinja2: "jinja2",
  jsonpath_rw: "jsonpath-rw",
  jsonschema: "jsonschema",
  kombu: "kombu",
  mongoengine: "mongoengine",
  networkx: "networkx",
  orjson: "orjson",
  oslo_config: "oslo.config",
  paramiko: "paramiko",
  passlib: "passlib",
  prettytable: "prettytable",
  psutil: "psutil",
  pymongo: "pymongo",
  pytz: "pytz",
  redis: "redis",
  requests: "requests",
  retrying: "retrying",
  semver: "semver",
  simplejson: "simplejson",
  tenacity: "tenacity",
  tooz: "tooz",
  webob: "webob",
  yaml: "pyyaml",
};

/** StackStorm's packages of which Petrel has a few modules, or none. */
const own = /^st2(?:client|common|reactor|actions|api|auth|stream|rbac|tests)(?:\.|$)/;
const there =
  /^(?:st2common(?:\.log|\.runners(?:\.base_action)?|\.key_value_pair|\.constants(?:\.keyvalue)?|\.util(?:\.(?:date|isotime|monkey_patch|ujson))?)?|st2client(?:\.client|\.models(?:\.\w+)*)?|st2reactor(?:\.sensor(?:\.base)?|\.container(?:\.sensor_wrapper)?)?|st2actions(?:\.runners(?:\.pythonrunner)?)?|st2tests(?:\..*)?)$/;

const statement =
  /^(?<indent>[ \t]*)(?:from[ \t]+(?<from>[\w.]+)[ \t]+import[ \t(]+(?<first>\w+)?|import[ \t]+(?<import>[\w.]+))/;
/** Longer files are data. */
const maxBytes = 512 * 1024;

interface Import {
  readonly module: string;
  readonly line: number;
}

/** The modules of one file; not those that it tries and can do without. */
function importsOf(code: string): readonly Import[] {
  const found: Import[] = [];
  let before = "";
  for (const [index, line] of code.split("\n").entries()) {
    const groups = statement.exec(line)?.groups;
    if (groups !== undefined && !/^\s*(?:try|except\b.*):/.test(before)) {
      const { from, first = "", import: plain = "" } = groups;
      // `from st2common import log` means st2common.log.
      const module = from === undefined ? plain : /^st2\w+$/.test(from) ? `${from}.${first}` : from;
      found.push({ module, line: index + 1 });
    }
    if (line.trim() !== "") before = line;
  }
  return found;
}

/** Names in a requirements.txt, as PEP 503 compares them. */
function required(requirements: string): ReadonlySet<string> {
  const names = requirements.split("\n").map((line) => /^\s*([A-Za-z0-9][\w.-]*)/.exec(line)?.[1] ?? "");
  return new Set(names.filter((name) => name !== "").map(normal));
}

const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, "-");

/** Warnings (PACK_IMPORT), one for each module, at the first place that imports it. */
export function importProblems(
  files: readonly PackFile[],
  shownAs: (path: string) => string,
): readonly Problem[] {
  const decoder = new TextDecoder();
  const paths = files.map(({ path }) => path);
  const isOwn = (name: string) =>
    paths.some((path) => path.endsWith(`/${name}.py`) || path.includes(`/${name}/`));
  const requirements = files.find(({ path }) => path === "requirements.txt");
  const named = required(requirements === undefined ? "" : decoder.decode(requirements.content));
  const problems = new Map<string, Problem>();
  for (const { path, content } of files) {
    if (!/^(?:actions|sensors|lib)\/.*\.py$/.test(path) || content.byteLength > maxBytes) continue;
    for (const { module, line } of importsOf(decoder.decode(content))) {
      const [top = ""] = module.split(".");
      if (isOwn(top)) continue;
      const where = `${shownAs(path)}:${line}`;
      const problem = own.test(module) ? foreign(module, where) : missing(top, named, where);
      if (problem !== null && !problems.has(problem.message)) problems.set(problem.message, problem);
    }
  }
  return [...problems.values()];
}

function missing(module: string, named: ReadonlySet<string>, where: string): Problem | null {
  const name = Object.hasOwn(broughtAlong, module) ? broughtAlong[module] : undefined;
  if (name === undefined || named.has(normal(name))) return null;
  return {
    code: "PACK_IMPORT",
    severity: "warning",
    message: `'${module}' is imported, which StackStorm brings along and Petrel does not`,
    where,
    hint: `add '${name}' to requirements.txt, unless every host's python3 has it`,
  };
}

function foreign(module: string, where: string): Problem | null {
  if (there.test(module)) return null;
  return {
    code: "PACK_IMPORT",
    severity: "warning",
    message: `'${module}' is imported, a part of StackStorm that Petrel does not have: this code fails when it runs`,
    where,
    hint: "use self.action_service or self.sensor_service; docs/guides/packs.md lists the modules that are there",
  };
}
