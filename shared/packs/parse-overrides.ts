/** Files of `overrides/`: `_global.yaml` and one for each pack (st2 docs, Pack overrides). */
import { isObject, type Json } from "../json.ts";
import {
  globalOverrides,
  type KindOverrides,
  type Overrides,
  overridableKinds,
} from "../model/pack-overrides.ts";
import { hasErrors, type Problem } from "../problem.ts";
import { checkFields, compileFields, withoutEmpty } from "./fields.ts";
import { type Metadata, readMetadata } from "./pack-file.ts";

const switched = {
  type: ["object", "null"],
  additionalProperties: false,
  properties: { enabled: { type: "boolean", fix: "write true or false" } },
} as const;

const exceptions = { type: ["object", "null"], additionalProperties: switched } as const;

const fileCheck = (properties: object) =>
  compileFields({
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(
      overridableKinds.map((kind) => [
        kind,
        { type: ["object", "null"], additionalProperties: false, properties },
      ]),
    ),
  });

const checkOfPack = fileCheck({ defaults: switched, exceptions });
/** Names mean nothing where no pack is meant. */
const checkOfAll = fileCheck({ defaults: switched });

/**
 * The overrides for `name`, a pack or `_global`. `overrides` is `null` when one of the problems is an error: only `enabled`
 * can be overridden, as there.
 */
export function parseOverrides(
  text: string,
  name: string,
  shownAs: string,
): { readonly overrides: Overrides | null; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => {
    problems.push(problem);
  };
  const file = { path: shownAs, mode: 0o644, content: Buffer.from(text) };
  const document = readMetadata(file, shownAs, report);
  if (document === null) return { overrides: null, problems };
  const metadata: Metadata = { pack: name, value: document.value, at: document.at, report };
  const check = name === globalOverrides ? checkOfAll : checkOfPack;
  const isSound = checkFields(check, metadata, { code: "PACK_FIELD" });
  if (!isSound || hasErrors(problems)) return { overrides: null, problems };
  return { overrides: readOverrides(document.value), problems };
}

/** Without what is empty. */
function readOverrides(value: Json): Overrides {
  const kinds = Object.entries(isObject(value) ? value : {}).map(([kind, given]) => [
    kind,
    readKind(withoutEmpty((given ?? {}) as Json)),
  ]);
  return Object.fromEntries(kinds) as Overrides;
}

function readKind(value: Json): KindOverrides {
  const { defaults, exceptions } = value as KindOverrides;
  const kept = Object.entries(exceptions ?? {}).map(([name, one]) => [
    name,
    withoutEmpty((one ?? {}) as Json),
  ]);
  return {
    ...(defaults !== undefined && { defaults: withoutEmpty(defaults as Json) as { enabled?: boolean } }),
    ...(kept.length > 0 && { exceptions: Object.fromEntries(kept) }),
  };
}
