/** A pack as overrides leave it. Pure. */
import type { Pack } from "../../shared/model/pack.ts";
import {
  globalOverrides,
  type OverridableKind,
  type OverrideBook,
  type Overrides,
  overridableKinds,
  type Published,
} from "../../shared/model/pack-overrides.ts";
import { suggestion } from "../../shared/nearest.ts";
import type { Problem } from "../../shared/problem.ts";

interface Part {
  readonly ref: string;
  readonly enabled: boolean;
}

const partsOf = (pack: Pack, kind: OverridableKind): readonly Part[] => pack[kind] ?? [];

/** StackStorm's order: what all packs get, what the pack gets, what this part of it gets. `null`: as its file says. */
function wanted(book: OverrideBook, pack: string, kind: OverridableKind, ref: string): boolean | null {
  const ofAll = overridesOf(book, globalOverrides)[kind];
  const { defaults, exceptions = {} } = overridesOf(book, pack)[kind] ?? {};
  const name = ref.slice(pack.length + 1);
  const own = Object.hasOwn(exceptions, name) ? exceptions[name]?.enabled : undefined;
  return own ?? defaults?.enabled ?? ofAll?.defaults?.enabled ?? null;
}

/** Empty when there are none. */
export function overridesOf(book: OverrideBook, name: string): Overrides {
  return (Object.hasOwn(book, name) ? book[name] : undefined) ?? {};
}

export interface Overridden {
  readonly pack: Pack;
  /** Parts that are switched otherwise than their files say. */
  readonly published: readonly Published[];
}

/** `published`: of overrides that are applied to `pack` already; those of `book` take their place. */
export function overridden(pack: Pack, published: readonly Published[], book: OverrideBook): Overridden {
  const { ref: name } = pack.manifest;
  const before = new Map(published.map(({ kind, ref, enabled }) => [`${kind} ${ref}`, enabled]));
  const now: Published[] = [];
  const switched = <T extends Part>(kind: OverridableKind, parts: readonly T[]): readonly T[] =>
    parts.map((part) => {
      const { ref } = part;
      const inFile = before.get(`${kind} ${ref}`) ?? part.enabled;
      const enabled = wanted(book, name, kind, ref) ?? inFile;
      if (enabled !== inFile) now.push({ kind, ref, enabled: inFile });
      return enabled === part.enabled ? part : { ...part, enabled };
    });
  return {
    pack: {
      ...pack,
      sensors: switched("sensors", pack.sensors),
      actions: switched("actions", pack.actions),
      rules: switched("rules", pack.rules),
      ...(pack.aliases !== undefined && { aliases: switched("aliases", pack.aliases) }),
    },
    published: now,
  };
}

/** Exceptions that name nothing of the pack: as there they do nothing, but here they are told. */
export function idleExceptions(pack: Pack, book: OverrideBook): readonly Problem[] {
  const { ref: name } = pack.manifest;
  const own = overridesOf(book, name);
  return overridableKinds.flatMap((kind) => {
    const known = partsOf(pack, kind).map(({ ref }) => ref.slice(name.length + 1));
    return Object.keys(own[kind]?.exceptions ?? {})
      .filter((exception) => !known.includes(exception))
      .map(
        (exception): Problem => ({
          code: "PACK_FIELD",
          severity: "warning",
          message: `pack ${name} has nothing called '${exception}' among its ${kind}: the override does nothing`,
          where: `overrides ${name} (${kind}.exceptions.${exception})`,
          hint: suggestion(exception, known),
        }),
      );
  });
}

/** Rules whose switch another book of overrides turns: everything else stays as operators have it. */
export function turnedRules(before: Pack, after: Pack): ReadonlyMap<string, boolean> {
  const was = new Map(before.rules.map(({ ref, enabled }) => [ref, enabled]));
  return new Map(
    after.rules
      .filter(({ ref, enabled }) => was.get(ref) !== enabled)
      .map(({ ref, enabled }) => [ref, enabled]),
  );
}
