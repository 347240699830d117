/** `bench rules`: how many trigger instances a second the rule engine judges, and how many templates it renders. */
import { parseArgs } from "node:util";
import { noSlowRegex } from "../shared/expressions/regex/answer.ts";
import type { Scope } from "../shared/expressions/run.ts";
import { compileTemplate } from "../shared/expressions/template.ts";
import { resolveParameters } from "../shared/parameters/resolve.ts";
import { compileRuleSet } from "../shared/rules/compiled-rule-set.ts";
import { matchTrigger, type RuleEnvironment, type TriggerView } from "../shared/rules/match.ts";
import { ruleActionInput } from "../shared/rules/rule-action.ts";
import { median, spread } from "./pace.ts";
import { type FileChanged, type Kind, kinds, ruleCount, ruleLoad, typeCount } from "./rule-load.ts";

export const rulesUsage = "[--only NAME,…] [--repetitions 7] [--ms 300]";

/** One way to do the work; the sum of what `once` gives is checked, so nothing can be left out as unused. */
interface Contender {
  readonly name: string;
  /** Does it for instance number `at`, and gives how many rules fired, or characters were written. */
  once(at: number): number;
}

interface Measure {
  readonly name: string;
  readonly title: string;
  readonly unit: "matches" | "renders";
  /** Of the engine; a second. */
  readonly bar: number | null;
  /** The engine first. All of them have to come to the same sum. */
  make(): { readonly instances: number; readonly engine: Contender; readonly peers: readonly Contender[] };
}

const environment: RuleEnvironment = {
  now: Date.UTC(2026, 0, 2, 3, 4, 6),
  keys: { system: () => undefined },
  regex: noSlowRegex,
};

const payloadOf = ({ payload }: TriggerView) => payload as FileChanged;

function matching(kind: Kind): ReturnType<Measure["make"]> {
  const { rules, byHand, instances } = ruleLoad(kind);
  const set = compileRuleSet(1, rules);
  const at = (n: number): TriggerView => {
    const instance = instances[n];
    if (instance === undefined) throw new Error(`there is no instance ${n}`);
    return instance;
  };
  const maps = new Map(
    [...byHand].map(([type, all]) => [type, Map.groupBy(all, ({ value }) => value)] as const),
  );
  const filedBy = kind === "tenOwners" ? "owner" : "path";
  const isFiled = Object.values(kinds[kind](0).criteria).some(({ type }) => type === "equals");
  return {
    instances: instances.length,
    engine: {
      name: "engine",
      once(n) {
        const result = matchTrigger(set, at(n), environment);
        if (!result.done) throw new Error("a pattern was not answered");
        for (const { error } of result.hits) if (error !== null) throw new Error(error);
        return result.hits.length;
      },
    },
    peers: [
      {
        name: isFiled ? "a Map and a loop by hand" : "a loop by hand",
        once(n) {
          const { trigger, payload } = at(n);
          const change = payload as FileChanged & { readonly after: { readonly owner: string } };
          const value = !isFiled ? null : filedBy === "owner" ? change.after.owner : change.path;
          let hits = 0;
          for (const { holds } of maps.get(trigger)?.get(value) ?? []) if (holds(change)) hits++;
          return hits;
        },
      },
    ],
  };
}

/** The names that the templates of action parameters see, in the shape in which resolving makes them. */
function templateScopes(): { readonly scopes: readonly Scope[]; readonly instances: readonly TriggerView[] } {
  const { rules, instances } = ruleLoad("onePath");
  const [rule] = rules;
  if (rule === undefined) throw new Error("there is no rule");
  const action = { pack: "core", runner_type: "local-shell-cmd", parameters: {} };
  const scopes = instances.map((trigger) => {
    const { context } = ruleActionInput({ rule, action, trigger, keys: environment.keys, config: {} });
    return Object.assign(Object.create(null), context) as Scope;
  });
  return { scopes, instances };
}

function rendering(source: string, byHand: (payload: FileChanged) => string): ReturnType<Measure["make"]> {
  const { scopes, instances } = templateScopes();
  return {
    instances: scopes.length,
    engine: {
      name: "engine",
      // Resolving looks each template up by its text, too.
      once: (n) => compileTemplate(source).render(scopes[n] ?? {}, noSlowRegex).length,
    },
    peers: [
      {
        name: "a function by hand",
        once: (n) => (instances[n] === undefined ? 0 : byHand(payloadOf(instances[n])).length),
      },
    ],
  };
}

/** All that is done about the parameters of one execution. */
function resolving(): ReturnType<Measure["make"]> {
  const { rules, instances } = ruleLoad("onePath");
  const [rule] = rules;
  if (rule === undefined) throw new Error("there is no rule");
  const action = {
    pack: "core",
    runner_type: "local-shell-cmd",
    parameters: { cmd: { type: "string", required: true } },
  } as const;
  return {
    instances: instances.length,
    engine: {
      name: "engine",
      once(n) {
        const trigger = instances[n];
        if (trigger === undefined) return 0;
        const input = ruleActionInput({ rule, action, trigger, keys: environment.keys, config: {} });
        return String(resolveParameters(input).parameters.cmd).length;
      },
    },
    peers: [],
  };
}

/** What a hub does with each payload before any rule sees it. */
function reading(): ReturnType<Measure["make"]> {
  const texts = ruleLoad("onePath").instances.map(({ payload }) => JSON.stringify(payload));
  return {
    instances: texts.length,
    engine: {
      name: "JSON.parse",
      once: (n) => (JSON.parse(texts[n] ?? "null") as FileChanged).path.length,
    },
    peers: [],
  };
}

const everyRule = "no `equals`, so all 500 rules of the type are judged";
const measures: readonly Measure[] = [
  ["equals", "500 values of `equals` for each type, one rule each", 500_000, "onePath"],
  [
    "equals-size",
    "the same, and a second criterion that holds for nine in ten (greaterthan)",
    null,
    "onePathAndSize",
  ],
  [
    "ten-values",
    "10 values for each type: 50 rules are left, whose second criterion decides (startswith)",
    80_000,
    "tenOwners",
  ],
  ["startswith", `${everyRule}: startswith`, 10_000, "inFolder"],
  ["greaterthan", `${everyRule}: greaterthan`, 10_000, "largerThan"],
  ["matchregex", `${everyRule}: matchregex, anchored`, 10_000, "anchoredPattern"],
  ["regex", `${everyRule}: regex, not anchored`, 10_000, "freePattern"],
  [
    "regex-choice",
    `${everyRule}: regex that starts alike and goes on with one of two numbers`,
    10_000,
    "eitherOf",
  ],
  ["regex-alike", `${everyRule}: regex, all with the same letters and different counts`, null, "byLength"],
  ["wildcard", `${everyRule}: matchwildcard`, 10_000, "wildcard"],
  [
    "mixed",
    `${everyRule}: startswith, greaterthan, matchregex, regex, matchwildcard, contains, istartswith in turn`,
    10_000,
    "mixed",
  ],
].map(([name, title, bar, kind]) => ({
  ...{
    name: String(name),
    title: String(title),
    bar: typeof bar === "number" ? bar : null,
    unit: "matches" as const,
  },
  make: () => matching(kind as Kind),
}));

const templates: readonly Measure[] = (
  [
    ["template", "{{ trigger.path }}", ({ path }) => path],
    ["template-text", "text {{ trigger.path }} more", ({ path }) => `text ${path} more`],
    ["template-upper", "{{ trigger.path | upper }}", ({ path }) => path.toUpperCase()],
    [
      "template-default",
      "{{ trigger.after.size | default(0) | int }}",
      ({ after }) => String(Math.trunc(after.size)),
    ],
    [
      "template-basename",
      "reload {{ trigger.path | basename | replace('.conf', '') }}",
      ({ path }) => `reload ${path.slice(path.lastIndexOf("/") + 1).replaceAll(".conf", "")}`,
    ],
  ] satisfies [string, string, (payload: FileChanged) => string][]
).map(([name, source, byHand]) => ({
  ...{ name, title: source, unit: "renders", bar: name === "template" ? 1_000_000 : null },
  make: () => rendering(source, byHand),
}));

const beside: readonly Measure[] = [
  {
    ...{
      name: "resolve",
      title: "all parameters of one core.local, one of them a template",
      unit: "renders",
    },
    bar: null,
    make: resolving,
  },
  { name: "parse", title: "the payload read from its JSON", unit: "renders", bar: null, make: reading },
];

/** Resolves to the exit code: missing a bar is told, and no failure. */
export async function rules(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      repetitions: { type: "string", default: "7" },
      ms: { type: "string", default: "300" },
    },
  });
  const all = [...measures, ...templates, ...beside];
  const names = values.only?.split(",") ?? all.map(({ name }) => name);
  const unknown = names.filter((name) => all.every((measure) => measure.name !== name));
  if (unknown.length > 0) throw new Error(`no such measure: ${unknown.join(", ")}`);
  console.log(
    `${ruleCount} rules over ${typeCount} trigger types, payloads of watch.file_changed; median (least-most) of ` +
      `${values.repetitions} turns of ${values.ms} ms of CPU for each contender`,
  );
  for (const measure of all) {
    if (names.includes(measure.name)) compare(measure, Number(values.repetitions), Number(values.ms));
  }
  return 0;
}

function compare({ title, unit, bar, name, make }: Measure, repetitions: number, ms: number): void {
  const { instances, engine, peers } = make();
  const contenders = [engine, ...peers];
  // Once through all instances: the sums have to agree, and code is compiled by then.
  const sums = contenders.map((contender) => total(contender, instances));
  for (const contender of contenders) rate(contender, instances, ms);
  if (sums.some((sum) => sum !== sums[0]))
    throw new Error(`${name}: the contenders disagree: ${sums.join(", ")}`);
  const rates = contenders.map((): number[] => []);
  for (let turn = 0; turn < repetitions; turn++) {
    for (const [i, contender] of contenders.entries()) rates[i]?.push(rate(contender, instances, ms));
  }
  const [own = [], ...others] = rates;
  const held =
    bar === null ? "" : median(own) >= bar ? `, bar ${shown(bar)}: held` : `, bar ${shown(bar)}: MISSED`;
  console.log(
    `\n${name}: ${title}; ${((sums[0] ?? 0) / instances).toFixed(1)} ${unit === "matches" ? "rules fire" : "characters"}`,
  );
  console.log(`  ${engine.name}: ${spread(own)} ${unit}/s${held}`);
  peers.forEach((peer, i) => {
    const theirs = others[i] ?? [];
    const ratios = own.map((each, turn) => each / (theirs[turn] ?? Number.NaN));
    console.log(`  ${peer.name}: ${spread(theirs)} ${unit}/s; the engine has ${spread(ratios, 3)} of it`);
  });
}

const shown = (value: number) => value.toLocaleString("en");

function total(contender: Contender, instances: number): number {
  let sum = 0;
  for (let n = 0; n < instances; n++) sum += contender.once(n);
  return sum;
}

/** Times a second of this thread's CPU: what others do on the machine counts little. For `ms` of it. */
function rate(contender: Contender, instances: number, ms: number): number {
  const from = cpuMs();
  let done = 0;
  let sum = 0;
  for (;;) {
    for (let n = 0; n < 100; n++, done++) sum += contender.once(done % instances);
    const took = cpuMs() - from;
    if (took < ms) continue;
    if (Number.isNaN(sum)) throw new Error("nothing was summed");
    return (done * 1_000) / took;
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
