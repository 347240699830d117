/** `--env` and `--inherit-env`: variables for the process of an action, by its parameter `env`. Pure. */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type JsonObject } from "../../../shared/json.ts";
import type { ParameterSchemas } from "../../../shared/model/pack.ts";

export interface EnvironmentOptions {
  /** `NAME=value` */
  readonly env?: readonly string[];
  readonly inheritEnv?: boolean;
}

/** What says who and where the caller is and not what it wants (as in st2's command line). */
const own = new Set(
  "PWD OLDPWD SHLVL MAIL USERNAME USER PATH HOME PS1 SHELL PYTHONPATH SSH_TTY SSH_CONNECTION LANG LS_COLORS LOGNAME _".split(
    " ",
  ),
);

/** Keys to this hub and to StackStorm are not for actions: their parameters are kept and shown. */
const isKey = (name: string) => /^(PETREL_|ST2_AUTH_TOKEN$|ST2_API_KEY$|NODE_)/.test(name);

function inherited(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !own.has(name.toUpperCase()) && !isKey(name)) found[name] = value;
  }
  return found;
}

function named(pairs: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of pairs) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw new PetrelError("CLI_USAGE", `--env '${pair.slice(0, 80)}' sets no variable`, {
        hint: "write it as --env NAME=value",
      });
    }
    found[name] = value;
  }
  return found;
}

/**
 * The parameters with `env` made of the caller's environment, then what `env=` says, then `--env`: the last one counts.
 * CLI_USAGE when the action's runner starts no process.
 */
export function withEnvironment(
  parameters: JsonObject,
  schemas: ParameterSchemas,
  { env = [], inheritEnv = false }: EnvironmentOptions,
  environment: Readonly<Record<string, string | undefined>>,
): JsonObject {
  if (env.length === 0 && !inheritEnv) return parameters;
  if (!Object.hasOwn(schemas, "env")) {
    throw new PetrelError(
      "CLI_USAGE",
      "--env and --inherit-env are for actions that take the parameter env",
      {
        hint: "`petrel run REF --help` shows what an action takes",
      },
    );
  }
  const { env: before = {} } = parameters;
  if (!isObject(before)) {
    throw new PetrelError("CLI_USAGE", "--env and --inherit-env go with env=NAME=value, not with a file", {
      hint: "give each variable with --env NAME=value",
    });
  }
  const given = before as JsonObject;
  return {
    ...parameters,
    env: { ...(inheritEnv ? inherited(environment) : {}), ...given, ...named(env) },
  };
}
