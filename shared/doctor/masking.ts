/** Takes secrets out of text that goes to strangers: those that are known by their value, and what looks like one. Pure. */
import { isObject } from "../json.ts";
import { secretNames } from "../log.ts";
import { withoutSecrets } from "../url-secrets.ts";

const mask = "********";
/** A shorter one would turn up everywhere, and can be guessed anyway. */
const shortest = 6;

/** Names of fields and variables whose value is nobody's business. */
const secretName =
  /pass(?:word|wd|phrase)?$|secret|token$|(?:api|auth|access|private|secret|encryption)[_-]?key$|credential|authorization|cookie/i;

export const isSecretName = (name: string): boolean =>
  secretNames.has(name.toLowerCase()) || secretName.test(name);

const nouns =
  "(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|auth[_-]?key|access[_-]?key|private[_-]?key|credentials?)";
const value = `("(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^\\s,;&"'}\\])]+)`;

const looks: readonly (readonly [pattern: RegExp, mask: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, mask],
  // Keys of the API, tokens to enrol with.
  [/\bpetrel_[0-9A-Z]{26}_[A-Za-z0-9_-]+/g, mask],
  [/\bpetrel-token-[0-9]+\.[A-Za-z0-9._-]+/g, mask],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]+/gi, `$1 ${mask}`],
  // `password=x`, `"api_key": "x"`, `St2-Api-Key: x`; and `--token x`.
  [new RegExp(`((?:[\\w-]{0,40}${nouns})["']?\\s*[=:]\\s*)${value}`, "gi"), `$1${mask}`],
  [new RegExp(`(--[\\w-]{0,40}${nouns}\\s+)${value}`, "gi"), `$1${mask}`],
];

export interface Masking {
  text(text: string): string;
  /** Only what is known by its value: of JSON text it is still JSON. */
  known(text: string): string;
  /** The same of each text in it; a field with the name of a secret is masked whole. */
  json(value: unknown): unknown;
}

/** `known`: secrets by their value, as they stand in files, variables and URLs. */
export function createMasking(known: Iterable<string>): Masking {
  const values = new Set<string>();
  for (const secret of known) {
    // As it is, and as URLs, JSON and headers have it.
    const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
    for (const form of forms) if (form.trim().length >= shortest) values.add(form.trim());
  }
  // A longer one may have a shorter one in it.
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  const withoutKnown = (text: string): string => {
    let clean = text;
    for (const value of longestFirst) clean = clean.replaceAll(value, mask);
    return clean;
  };
  const masked = (text: string): string => {
    let clean = withoutSecrets(withoutKnown(text));
    for (const [pattern, instead] of looks) clean = clean.replace(pattern, instead);
    return clean;
  };
  const json = (value: unknown): unknown => {
    if (typeof value === "string") return masked(value);
    if (Array.isArray(value)) return value.map(json);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]): [string, unknown] => [
        masked(name),
        isSecretName(name) && (typeof inner === "string" || typeof inner === "number") ? mask : json(inner),
      ]),
    );
  };
  return { text: masked, known: withoutKnown, json };
}

/** What of these is secret by its name, and what URLs in it hold. */
export function secretsOf(variables: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(variables).flatMap(([name, value = ""]) => [
    ...(isSecretName(name) ? [value] : []),
    ...urlSecrets(value),
  ]);
}

/** Users and passwords of the URLs in a text, as they are written and as they are meant. */
export function urlSecrets(text: string): readonly string[] {
  return [...text.matchAll(/[a-z][a-z0-9+.-]{0,30}:\/\/([^\s/'"@]*):([^\s/'"]*)@/gi)].flatMap(
    ([, , password = ""]) => {
      try {
        return [password, decodeURIComponent(password)];
      } catch {
        return [password];
      }
    },
  );
}
