/** What the registered packs define, by ref: one immutable value, replaced as a whole when a pack changes. */
import type { ActionAlias } from "../../shared/model/action-alias.ts";
import type { PackManifest, PackRecord, ParameterSchemas } from "../../shared/model/pack.ts";
import type { PolicyDefinition } from "../../shared/model/policy.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import type { TriggerType } from "../../shared/model/trigger.ts";
import { nearest } from "../../shared/nearest.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import { parseDependency } from "../../shared/packs/dependency.ts";
import { ruleProblemsAt } from "../../shared/packs/parse-rule.ts";
import type { Problem } from "../../shared/problem.ts";
import { parseRef } from "../../shared/ref.ts";
import { checkParameters, checkTriggerParameters } from "../../shared/rules/check-parameters.ts";
import type { RunnableAction } from "../executions/request.ts";
import type { Store } from "../store/store.ts";

/** One state of the registry; refs in sorted order. */
export interface Catalogue {
  readonly packs: ReadonlyMap<string, PackRecord>;
  readonly actions: ReadonlyMap<string, RunnableAction>;
  readonly triggerTypes: ReadonlyMap<string, TriggerType>;
  readonly policies: ReadonlyMap<string, PolicyDefinition>;
  readonly aliases: ReadonlyMap<string, ActionAlias>;
  /** Refs of sensors. */
  readonly sensors: ReadonlySet<string>;
}

function sorted<T>(entries: readonly (readonly [ref: string, item: T])[]): ReadonlyMap<string, T> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function buildCatalogue(packs: readonly PackRecord[]): Catalogue {
  const policies = sorted(
    packs.flatMap(({ pack }) => (pack.policies ?? []).map((policy) => [policy.ref, policy] as const)),
  );
  const byAction = Map.groupBy(
    [...policies.values()].filter(({ enabled }) => enabled),
    ({ resource_ref }) => resource_ref,
  );
  const withPolicies = (ref: string) => {
    const own = byAction.get(ref);
    return own === undefined ? {} : { policies: own };
  };
  return {
    packs: sorted(packs.map((record) => [record.ref, record])),
    policies,
    aliases: sorted(
      packs.flatMap(({ pack }) => (pack.aliases ?? []).map((alias) => [alias.ref, alias] as const)),
    ),
    actions: sorted(
      packs.flatMap(({ pack, digest }) =>
        pack.actions.map(
          (definition) =>
            [definition.ref, { definition, pack_digest: digest, ...withPolicies(definition.ref) }] as const,
        ),
      ),
    ),
    triggerTypes: sorted(
      packs.flatMap(({ pack }) => pack.trigger_types.map((type) => [type.ref, type] as const)),
    ),
    sensors: new Set(packs.flatMap(({ pack }) => pack.sensors.map(({ ref }) => ref))),
  };
}

/** What an action takes, its runner's own parameters included; `null` when it is not registered (any more). */
export function schemasOf(catalogue: Catalogue, ref: string): ParameterSchemas | null {
  const action = catalogue.actions.get(ref);
  return action === undefined ? null : actionParameters(action.definition);
}

/**
 * Triggers and actions of other packs that this pack's rules, policies and aliases name and nobody has registered. No
 * error: those packs may come later; until then the rules do not fire, or fail.
 */
export function openReferences({ pack }: PackRecord, { actions, triggerTypes }: Catalogue): Problem[] {
  const named = [
    ...pack.rules.flatMap(({ ref, trigger, action }) => [
      ["RULE_TRIGGER_UNKNOWN", "trigger type", trigger.type, triggerTypes, `rule ${ref}`] as const,
      ["RULE_ACTION_UNKNOWN", "action", action.ref, actions, `rule ${ref}`] as const,
    ]),
    ...(pack.policies ?? []).map(
      ({ ref, resource_ref }) =>
        ["POLICY_ACTION_UNKNOWN", "action", resource_ref, actions, `policy ${ref}`] as const,
    ),
    ...(pack.aliases ?? []).map(
      ({ ref, action_ref }) =>
        ["ALIAS_ACTION_UNKNOWN", "action", action_ref, actions, `action alias ${ref}`] as const,
    ),
  ];
  return named
    .filter(([, , name, known]) => !known.has(name))
    .map(([code, what, name, known, where]): Problem => {
      const near = nearest(name, known.keys());
      return {
        code,
        severity: "warning",
        message: `no ${what} is called '${name}' yet`,
        where,
        hint: near === null ? "register its pack too" : `write '${near}', or register its pack too`,
      };
    });
}

/** Packs that this one says it needs, and that are not registered, or in another version. Nothing is fetched. */
export function openDependencies(
  { ref, dependencies = [] }: Pick<PackManifest, "ref" | "dependencies">,
  versions: ReadonlyMap<string, string>,
): Problem[] {
  return dependencies.flatMap((text): readonly Problem[] => {
    const wanted = parseDependency(text);
    const registered = wanted === null ? undefined : versions.get(wanted.pack);
    if (wanted === null) return [];
    // A tag names a version with `v` before it, by custom; what is no version (a branch) cannot be compared.
    const tagged = wanted.version?.replace(/^v(?=\d)/, "") ?? null;
    const isComparable = tagged !== null && /^\d/.test(tagged);
    if (registered !== undefined && (!isComparable || tagged === registered)) return [];
    const { pack, version, source } = wanted;
    return [
      {
        code: "PACK_DEPENDENCY",
        severity: "warning",
        message:
          registered === undefined
            ? `pack ${ref} needs pack ${pack}, which is not registered`
            : `pack ${ref} needs pack ${pack} in version ${version}; ${registered} is registered`,
        where: `pack.yaml (dependencies: ${text})`,
        hint: `petrel pack install ${source}`,
      },
    ];
  });
}

/** Of registered packs, by ref. */
export const packVersions = ({ packs }: Catalogue): ReadonlyMap<string, string> =>
  new Map([...packs.values()].map(({ ref, version }) => [ref, version]));

/**
 * What rules give to actions and triggers that do not take it: the rules of this pack, and those of others that name its
 * actions or triggers.
 * A warning, as StackStorm registers such rules: they fail each time they fire, or go without what was misspelled.
 */
export function misfits(
  { ref: pack, pack: { rules } }: PackRecord,
  all: readonly RuleRecord[],
  { actions, triggerTypes }: Catalogue,
): Problem[] {
  const others = all
    .map(({ rule }) => rule)
    .filter((rule) => rule.pack !== pack)
    .filter(({ action, trigger }) =>
      [action.ref, trigger.type].some((name) => parseRef(name)?.pack === pack),
    );
  return [...rules, ...others].flatMap(({ ref, action, trigger }) => {
    const [known, type] = [actions.get(action.ref), triggerTypes.get(trigger.type)];
    const wrong = [
      ...(type === undefined ? [] : checkTriggerParameters(trigger, type)),
      ...(known === undefined ? [] : checkParameters(action, known.definition)),
    ];
    return ruleProblemsAt((path) => `rule ${ref} (${path.join(".")})`, wrong);
  });
}

/** The registry, read again only after a pack changed. */
export interface CatalogueSource {
  current(): Promise<Catalogue>;
  close(): void;
}

export function catalogueSource(store: Pick<Store, "packs" | "subscribeChanges">): CatalogueSource {
  let cached: Promise<Catalogue> | null = null;
  const close = store.subscribeChanges(() => {
    cached = null;
  }, ["pack"]);
  return {
    current: () => {
      if (cached !== null) return cached;
      const reading = store.packs().then(buildCatalogue);
      cached = reading;
      // A failed read must not be remembered; whoever asked gets the error.
      reading.catch(() => {
        if (cached === reading) cached = null;
      });
      return reading;
    },
    close,
  };
}
