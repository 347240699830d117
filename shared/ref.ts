/** References of the form `pack.name`: parse, format, check. */

export interface Ref {
  readonly pack: string;
  readonly name: string;
}

/** A pack's name: st2 docs, Packs, `^[a-z0-9_]+$`. */
const PACK = /^[a-z0-9_]+$/;
const AGENT = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export function isPackName(text: string): boolean {
  return PACK.test(text);
}

/** Splits at the first dot, since names may hold dots (`core.st2.IntervalTimer`); `null` when there is none. */
export function parseRef(text: string): Ref | null {
  const dot = text.indexOf(".");
  if (dot <= 0 || dot === text.length - 1) return null;
  return { pack: text.slice(0, dot), name: text.slice(dot + 1) };
}

export function formatRef(pack: string, name: string): string {
  return `${pack}.${name}`;
}

/** An agent id is also its MQTT client id, its user name and a topic level. */
export function isAgentId(text: string): boolean {
  return AGENT.test(text);
}
