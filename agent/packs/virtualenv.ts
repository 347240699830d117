/** What a pack's Python code runs in: told by its requirements, and by what venv and pip say. Pure. */
import type { PetrelError } from "../../shared/errors.ts";
import { withoutSecrets } from "../../shared/url-secrets.ts";

export type VirtualenvState =
  /** The pack asks for nothing: the host's python3 does. */
  | { readonly state: "none" }
  | { readonly state: "building" }
  | { readonly state: "ready"; readonly python: string }
  /** PACK_VIRTUALENV, or HOST_REFUSED. */
  | { readonly state: "failed"; readonly error: PetrelError };

/** Whether a requirements.txt asks for anything. */
export function asksForPackages(requirements: string): boolean {
  return requirements.split("\n").some((line) => /^\s*[^\s#]/.test(line));
}

/**
 * Whether a virtualenv was made for the Python that it leads to now. A newer one (3.13 in place of 3.11) looks for its
 * packages in another folder and finds none. `settings`: of its `pyvenv.cfg`; `interpreter`: where its `bin/python` leads to
 * in the end, which systems name by version. Where either does not say, it stands.
 */
export function isForPython(settings: string, interpreter: string): boolean {
  const made = /^version(?:_info)?\s*=\s*(\d+\.\d+)/m.exec(settings)?.[1];
  const now = /python(\d+\.\d+)[a-z]*$/.exec(interpreter)?.[1];
  return made === undefined || now === undefined || made === now;
}

/** The one line of what venv or pip printed that says why. */
export function reasonOf(said: string): string {
  const lines = said
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^\[notice\]/.test(line));
  const error =
    lines.findLast((line) => /^ERROR: (?:No matching|Could not|Cannot)/.test(line)) ??
    lines.find((line) => /^(?:ERROR|error): /.test(line)) ??
    lines.find((line) => /not created successfully|No module named/.test(line)) ??
    lines.at(-1);
  return withoutSecrets(error ?? "it gave no reason").slice(0, 500);
}

/** What pip may need besides what every program gets: how it is configured, and the way out of this network. */
export function pipEnvironment(
  base: Readonly<Record<string, string>>,
  agentEnv: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const wanted = /^(?:PIP_[A-Z_]+|(?:https?|no|all)_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)$/i;
  const more = Object.entries(agentEnv).filter(([name, value]) => wanted.test(name) && value !== undefined);
  return { ...base, ...(Object.fromEntries(more) as Record<string, string>) };
}

/** A folder of wheels, what a host without a network has, as options of pip. */
export function indexOptions(index: string | null): readonly string[] {
  return index?.startsWith("/") ? ["--no-index", "--find-links", index] : [];
}

/** The URL of an index may hold a password: other users see a command line, but not the environment. */
export function indexVariables(index: string | null): Readonly<Record<string, string>> {
  return index === null || index.startsWith("/") ? {} : { PIP_INDEX_URL: index };
}
