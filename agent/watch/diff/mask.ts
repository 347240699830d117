/**
 * Hides secrets in the lines of text files. By names (`password = x`), by shapes (crypt hashes, tokens of well-known
 * services), and by place (private keys, the hashes of shadow files). Rather a value too many than one too few. Pure.
 */
import { type BytePath, nameOf } from "../../../shared/watch/paths.ts";
import { maskCredentials, masked, secretName } from "../secrets.ts";

export interface ShownLine {
  readonly text: string;
  readonly isMasked: boolean;
}

const keys =
  "(?:access|account|api|auth|cookie|encryption|hmac|master|session|shared|sign(?:ing)?|ssh)[-_.]?key";
const short = "(?:pass|pwd|psk|requirepass|masterauth)";
const name = `(?:${secretName}|[\\w.-]{0,32}${keys}|(?:[\\w.-]{0,32}[-_.])?${short})`;

/** `name = value`, `name: value`, `"name" => "value"`: what is in the quotes, or the rest of the line. */
const assigned = new RegExp(
  `((?<![\\w.-])${name}["'\\])}]{0,3}\\s{0,8}(?:=>|:=|[:=])\\s{0,8})("(?:[^"\\\\]|\\\\.)*"?|'[^']*'?|[^\\s"'].*)`,
  "gi",
);
/** `password value` as a line, or at the end of one, as in .netrc and redis.conf. */
const apart = new RegExp(`((?:^\\s*|\\s)${name}\\s{1,8})(\\S+)(?=\\s*$)`, "gi");
/** Values of settings that have such a name and hold no secret; the last ones are of nsswitch.conf. */
const harmless =
  /^["']?(?:yes|no|true|false|on|off|none|null|required|optional|prohibit-password|without-password|\d{1,3}|[|>][+-]?\d?|(?:(?:files|systemd|compat|db|nis|sss|ldap|winbind)\s*)+)?["']?$/i;
/** A block of lines follows that belongs to the name. */
const blockBegins = new RegExp(`(?<![\\w.-])${name}["']?\\s*:\\s*[|>][+-]?\\d?\\s*$`, "i");

const shapes: readonly RegExp[] = [
  // crypt(3): $6$salt$hash, $2b$10$…, $apr1$…, $argon2id$…
  /\$[a-z0-9][\w-]{0,11}\$[^\s:"']{8,}/gi,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|[sr]k_(?:live|test)_)[\w-]{10,}/g,
  /\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  /\{(?:SSHA?|SHA|SSHA?256|SSHA?512|MD5|SMD5|CRYPT)[\d-]*\}[^\s:"']+/gi,
];

const shadowNames = new Set(["shadow", "gshadow", "shadow-", "gshadow-", "opasswd", "master.passwd"]);
const privateBegins = /-----BEGIN [A-Z0-9 ]*(?:PRIVATE|SECRET)[A-Z0-9 ]*-----/;
const blockEnds = /-----END [A-Z0-9 ]+-----/;

/** Characters of a line that is shown; patterns would take too long for more. */
const maxLine = 4_096;

export class LineMask {
  readonly #lines: readonly string[];
  readonly #hidden: ReadonlySet<number>;
  readonly #isShadow: boolean;

  /** `lines`: of the whole file, with or without line breaks. */
  constructor(path: BytePath, lines: readonly string[]) {
    this.#lines = lines;
    this.#isShadow = shadowNames.has(nameOf(path));
    this.#hidden = hiddenLines(lines);
  }

  /** Without its line break. */
  shown(at: number): ShownLine {
    const line = (this.#lines[at] ?? "").replace(/\r?\n$/, "");
    if (this.#hidden.has(at)) return { text: masked, isMasked: true };
    if (line.length > maxLine) return { text: `(${line.length} characters)`, isMasked: true };
    const text = maskedLine(this.#isShadow ? withoutHash(line) : line);
    return { text, isMasked: text !== line };
  }
}

function maskedLine(line: string): string {
  const replace = (text: string, pattern: RegExp) =>
    text.replace(pattern, (all, before: string, value: string) => {
      const bare = value.replace(/[\s,;})\]]+$/, "");
      return harmless.test(bare) ? all : before + masked + value.slice(bare.length);
    });
  const named = replace(replace(maskCredentials(line), assigned), apart);
  return shapes.reduce((text, shape) => text.replace(shape, masked), named);
}

/** The second field, unless it only says that there is none. */
function withoutHash(line: string): string {
  return line.replace(/^([^:]*):([^:]*)/, (all, user: string, hash: string) =>
    /^(?:[!*x]{0,2})$/.test(hash) ? all : `${user}:${masked}`,
  );
}

/** Private keys, and indented blocks below a secret's name. */
function hiddenLines(lines: readonly string[]): ReadonlySet<number> {
  const hidden = new Set<number>();
  let isKey = false;
  let block: number | null = null;
  for (const [at, line] of lines.entries()) {
    if (isKey) {
      if (blockEnds.test(line)) isKey = false;
      else hidden.add(at);
      continue;
    }
    if (block !== null) {
      if (line.trim() === "" || indentOf(line) > block) {
        hidden.add(at);
        continue;
      }
      block = null;
    }
    if (line.includes("-----BEGIN") && privateBegins.test(line)) {
      isKey = !blockEnds.test(line);
      // The whole key in one line, as in JSON and environment files.
      if (!isKey) hidden.add(at);
    } else if (/[|>][+-]?\d?\s*$/.test(line) && line.length <= maxLine && blockBegins.test(line)) {
      block = indentOf(line);
    }
  }
  return hidden;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
