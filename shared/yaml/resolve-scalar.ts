/** Plain scalars of YAML 1.1 as PyYAML's safe_load reads them, since StackStorm packs are written for it. */

/** What a scalar means; `refused` where PyYAML raises or JSON has no such value. */
export type Resolved =
  | { readonly kind: "null"; readonly value: null }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int" | "float"; readonly value: number; readonly exact: boolean }
  | { readonly kind: "str"; readonly value: string }
  | { readonly kind: "merge" }
  | { readonly kind: "refused"; readonly reason: string; readonly hint: string };

// PyYAML, resolver.py: the implicit resolvers, in their order. `y` and `n` are text; `1e3` is text.
const BOOL = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const INT =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const NULL = /^(?:~|null|Null|NULL|)$/;

function refused(text: string, kind: string): Resolved {
  return { kind: "refused", reason: `${JSON.stringify(text)} is no ${kind}`, hint: "put it in quotes" };
}

/** Digits in base 60, most significant first: `1:30` is 90 (YAML 1.1, int). */
function sexagesimal(digits: string): number {
  return digits.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** PyYAML, construct_yaml_int: underscores go, a leading 0 means octal. */
export function toInt(text: string): Resolved {
  const plain = text.replaceAll("_", "");
  const negative = plain.startsWith("-");
  const digits = /^[-+]/.test(plain) ? plain.slice(1) : plain;
  let value: number;
  if (/^0b[01]+$/.test(digits)) value = Number.parseInt(digits.slice(2), 2);
  else if (/^0x[0-9a-fA-F]+$/.test(digits)) value = Number.parseInt(digits.slice(2), 16);
  else if (/^0[0-7]+$/.test(digits)) value = Number.parseInt(digits, 8);
  else if (/^[0-9]+(?::[0-9]+)+$/.test(digits)) value = sexagesimal(digits);
  else if (/^(?:0|[1-9][0-9]*)$/.test(digits)) value = Number(digits);
  else return refused(text, "whole number");
  // Beyond 2^53 neighbors share one double: the caller tells the author.
  return { kind: "int", value: negative && value !== 0 ? -value : value, exact: Number.isSafeInteger(value) };
}

/** PyYAML, construct_yaml_float; infinity and NaN are refused because JSON cannot carry them. */
export function toFloat(text: string): Resolved {
  const plain = text.replaceAll("_", "").toLowerCase();
  const negative = plain.startsWith("-");
  const digits = /^[-+]/.test(plain) ? plain.slice(1) : plain;
  let value: number;
  if (/^[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?$/.test(digits)) value = sexagesimal(digits);
  else if (/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$/.test(digits)) value = Number(digits);
  else if (digits === ".inf" || digits === ".nan") value = Number.POSITIVE_INFINITY;
  else return refused(text, "number");
  if (!Number.isFinite(value)) {
    return {
      kind: "refused",
      reason: `${JSON.stringify(text)} has no place in JSON`,
      hint: "write a finite number, or put it in quotes",
    };
  }
  return { kind: "float", value: negative && value !== 0 ? -value : value, exact: true };
}

/** PyYAML, construct_yaml_bool: by the lower-cased word. */
export function toBool(text: string): Resolved {
  const word = text.toLowerCase();
  if (word === "yes" || word === "true" || word === "on") return { kind: "bool", value: true };
  if (word === "no" || word === "false" || word === "off") return { kind: "bool", value: false };
  return refused(text, "boolean");
}

/**
 * What an unquoted scalar means. Dates and times stay text (PyYAML makes datetime objects of them,
 * which no JSON parameter can hold).
 */
export function resolvePlain(text: string): Resolved {
  if (NULL.test(text)) return { kind: "null", value: null };
  if (BOOL.test(text)) return toBool(text);
  if (FLOAT.test(text)) return toFloat(text);
  if (INT.test(text)) return toInt(text);
  if (text === "<<") return { kind: "merge" };
  // YAML 1.1 calls a lone `=` the default value; safe_load has no constructor for it.
  if (text === "=") return refused(text, "value of its own");
  return { kind: "str", value: text };
}
