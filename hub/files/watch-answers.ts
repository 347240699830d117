/** What agents answer about watching, checked: an answer of another shape is none. Pure. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { type Check, checksWith, errorsText } from "../../shared/validation.ts";
import type { PathLook, VerifyState, WatchCoverage } from "../../shared/watch/questions.ts";

const text = { type: "string", maxLength: 16_384 } as const;
const textOrNull = { type: ["string", "null"], maxLength: 16_384 } as const;
const count = { type: "integer", minimum: 0 } as const;
const strict = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: "object",
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

const unreadablePath = strict({ path: text, path_base64: text, error: text }, ["path_base64"]);
const unreadable = { unreadable: count, unreadable_paths: { type: "array", items: unreadablePath } };

const verifyState = strict({
  run: text,
  state: { enum: ["waiting", "running", "done", "failed"] },
  full: { type: "boolean" },
  path: textOrNull,
  started_at: textOrNull,
  ended_at: textOrNull,
  looked: count,
  expected: { type: ["integer", "null"], minimum: 0 },
  differences: count,
  ...unreadable,
  error: textOrNull,
});

const foundPath = {
  ...strict({
    kind: { enum: ["file", "directory", "symlink", "other"] },
    digest: { type: ["string", "null"], pattern: "^[0-9a-f]{64}$" },
    digest_missing: textOrNull,
    size: { type: "number" },
    mode: text,
    owner: text,
    group: text,
    mtime: text,
    target: textOrNull,
  }),
  type: ["object", "null"],
};

const pathLook = strict({
  path: text,
  watched: { type: "boolean" },
  error: textOrNull,
  found: foundPath,
});

const coveredPath = strict(
  {
    path: text,
    path_base64: text,
    state: { enum: ["live", "polled", "blind"] },
    backend: { enum: ["fanotify", "inotify", "sweep"] },
    mount: text,
    filesystem: text,
    reason: text,
    cannot_see: { type: "array", items: text },
  },
  ["path_base64"],
);

const coverage = strict(
  {
    paths: { type: "array", items: coveredPath },
    left_out: count,
    ...unreadable,
    sweep: strict({
      every: count,
      full_every: count,
      last: {
        ...strict({ full: { type: "boolean" }, ended_at: text, looked: count, differences: count }),
        type: ["object", "null"],
      },
    }),
    who: strict({ asked: { enum: ["auto", "audit", "off"] }, missing: { type: "array", items: text } }),
  },
  ["who"],
);

const checkOf = checksWith({ allErrors: true, allowUnionTypes: true });
const reader = <T>(schema: object): ((answer: Json) => T) => {
  const check: Check<T> = checkOf<T>(schema);
  return (answer) => {
    if (check(answer)) return answer;
    const problem = errorsText(check.errors, "answer").slice(0, 500);
    throw new PetrelError("SENSOR_PROTOCOL", `the agent's answer is none that this hub knows: ${problem}`);
  };
};

/** Each throws SENSOR_PROTOCOL. */
export const readVerifyState = reader<VerifyState>(verifyState);
export const readPathLook = reader<PathLook>(pathLook);
export const readCoverage = reader<WatchCoverage>(coverage);
