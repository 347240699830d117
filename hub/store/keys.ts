/**
 * The key layout of the hub's database: every key is made here.
 *
 * | key                          | value                                                                     |
 * | ---------------------------- | ------------------------------------------------------------------------- |
 * | `i/<place>`                  | trigger instance; its *place* is its turn of intake                       |
 * | `it ig is/<value>/<place>`   | instances by trigger type, agent, status (not `processed`)                |
 * | `ip/<agent>/<path>/<place>`  | changes of files by path                                                  |
 * | `iu/<place>`                 | changes of files that nobody has acknowledged; `y/<instance>` those of others |
 * | `w/<id>`                     | windows in which changes of files are expected                            |
 * | `u/<id>` `ua/<id>/<agent>`   | verifications of watched files, and the last that each agent said of them |
 * | `f/<instance>`               | family: place, enforcements, executions of an instance                    |
 * | `n/<id>`                     | enforcement; `nr ns nd/<value>/<id>` by rule, status (not `succeeded`), digest |
 * | `e/<id>`                     | execution; `ea eg er es/<value>/<id>` by action, agent, rule, status (of the end, not `succeeded`) |
 * | `eo/<agent>/<id>`            | executions that have not ended                                            |
 * | `ef/<parent>/<id>`           | executions that a fan-out has started                                     |
 * | `b/<id>`                     | ids of the records that name this one (re-run, re-emit)                   |
 * | `q/<execution>`              | digests of the blobs that an execution needs                              |
 * | `c/<agent>`                  | claim; `m/<agent>/<epoch>` mark of an up epoch                            |
 * | `h/<agent>`                  | head of the down ledger; `d/<agent>/<epoch>/<n>` its entries              |
 * | `o/<agent>/<n>`              | requests that wait for room in the down ledger                            |
 * | `l/<id>` `lr/<ms>/<id>`      | dead letter, and its order of receipt; `g/<ms>/<id>` gap                  |
 * | `a/<id>` `s/<agent>/<ref>`   | agent, sensor                                                             |
 * | `r/<ref>` `k/<ref>`          | rule, pack; `kd/<digest>` pack versions whose contents are kept           |
 * | `rh/<ref>`                   | what a rule was before, also one that is deleted                          |
 * | `v/<scope>/<name>`           | datastore key                                                             |
 * | `z/<id>` `zr/<id>`           | key of the HTTP API; request to it                                        |
 * | `zf/<id>` `zm/<id>`          | requests of known keys, and those that strangers can make in any number   |
 * | `p/<key>`                    | slots of a policy                                                         |
 * | `pg/<key>` `pq/<key>/<n>`   | gate of a policy: who has a slot; who waits for one                       |
 * | `tw/<digest>`                | window of a throttled rule, until its digest is made                      |
 * | `to/<rule>/<lane and key>`   | id of the window that is open; `tc/<rule>` how many of a rule are         |
 * | `t/<execution>`              | request that waits for its time, or at a gate                             |
 * | `j/<id>` `jd/<ms>/<id>`      | job, and when it is due                                                   |
 * | `ug/b/<version>/<arch>`       | binary of the agent that may be handed out                                |
 * | `ug/r/<id>` `ug/a/<id>/<agent>` | rollout of a version, and where each of its agents stands              |
 * | `ug/p/<agent>`               | the last that an agent has said of an upgrade                             |
 * | `ai/<agent>` `at/<id>`       | identity of an agent; token to enrol with                                 |
 * | `x/tally`                    | counts, the last place of an instance, how late it is: written by every batch |
 * | `x/rules` `xs/<name>`        | version of the rules; settings of the hub                                 |
 * | `ac/<seq>`                   | row of the audit's chain, an array (an object up to format 6); `as/<root>/<seq>` by the story it belongs to |
 */
import { createHash } from "node:crypto";

const PLAIN = /^[A-Za-z0-9._:@+=-]{1,200}$/;
const LONGEST = 200;
/** Met last, by their last letters: a record's id comes to some ten keys. */
const plain = new Array<string>(256).fill("");

/**
 * A text as one part of a key: different texts stay different and none can reach into the next part.
 * A text that would make the key long is replaced by its hash; the record holds the text itself.
 */
export function part(text: string): string {
  // A record of an older version may lack what types promise: it is spelt, as in any text.
  if (typeof text !== "string") return part(`${text}`);
  const { length } = text;
  const place = (text.charCodeAt(length - 1) + 31 * text.charCodeAt(length - 2)) & (plain.length - 1);
  if (plain[place] === text && length > 0) return text;
  if (PLAIN.test(text)) {
    plain[place] = text;
    return text;
  }
  const escaped = text.isWellFormed() ? `%${encodeURIComponent(text)}` : null;
  if (escaped !== null && escaped.length <= LONGEST) return escaped;
  // No escaped text begins like this. JSON spells out a lone surrogate, which UTF-8 cannot tell from another.
  return `%#${createHash("sha256").update(JSON.stringify(text)).digest("hex")}`;
}

/** Decimal digits that sort as the number does. */
export function padded(value: number, digits: number): string {
  return (value > 0 ? Math.floor(value) : 0).toString().padStart(digits, "0");
}

/** Milliseconds since the epoch, sortable until the year 2286. */
export const time = (ms: number) => padded(ms, 13);

/** An instance's turn of intake: hub time, then a number that tells instances of one millisecond apart. */
export const placeOf = (ms: number, turn: number) => `${time(ms)}${padded(turn, 9)}`;
export const placeTime = (place: string) => Number(place.slice(0, 13));
export const placeTurn = (place: string) => Number(place.slice(13));

export const keys = {
  instance: (place: string) => `i/${place}`,
  family: (instance: string) => `f/${part(instance)}`,
  window: (id: string) => `w/${part(id)}`,
  verification: (id: string) => `u/${part(id)}`,
  /** Of all agents. */
  verified: (id: string) => `ua/${part(id)}/`,
  verifiedBy: (id: string, agent: string) => `ua/${part(id)}/${part(agent)}`,
  ack: (instance: string) => `y/${part(instance)}`,
  enforcement: (id: string) => `n/${part(id)}`,
  execution: (id: string) => `e/${part(id)}`,
  namedBy: (id: string) => `b/${part(id)}`,
  blobs: (execution: string) => `q/${part(execution)}`,
  claim: (agent: string) => `c/${part(agent)}`,
  mark: (agent: string, epoch: string) => `m/${part(agent)}/${part(epoch)}`,
  head: (agent: string) => `h/${part(agent)}`,
  down: (agent: string, epoch: string, n: number) => `d/${part(agent)}/${part(epoch)}/${padded(n, 12)}`,
  waiting: (agent: string, n: number) => `o/${part(agent)}/${padded(n, 12)}`,
  letter: (id: string) => `l/${part(id)}`,
  letterOrder: (ms: number, id: string) => `lr/${time(ms)}/${part(id)}`,
  gap: (ms: number, id: string) => `g/${time(ms)}/${part(id)}`,
  agent: (id: string) => `a/${part(id)}`,
  sensor: (agent: string, sensor: string) => `s/${part(agent)}/${part(sensor)}`,
  rule: (ref: string) => `r/${part(ref)}`,
  ruleHistory: (ref: string) => `rh/${part(ref)}`,
  ruleVersion: () => "x/rules",
  tally: () => "x/tally",
  pack: (ref: string) => `k/${part(ref)}`,
  packVersion: (digest: string) => `kd/${part(digest)}`,
  // The name is the last part and stays as it is, so that a prefix of names is a prefix of keys.
  value: (scope: string, name: string) => `v/${part(scope)}/${name.toWellFormed()}`,
  apiKey: (id: string) => `z/${part(id)}`,
  apiRequest: (id: string) => `zr/${part(id)}`,
  slots: (policy: string) => `p/${part(policy)}`,
  gate: (key: string) => `pg/${part(key)}`,
  gateQueue: (key: string, n: number) => `pq/${part(key)}/${padded(n, 12)}`,
  held: (execution: string) => `t/${part(execution)}`,
  throttleWindow: (id: string) => `tw/${part(id)}`,
  openWindow: (rule: string, lane: string) => `to/${part(rule)}/${part(lane)}`,
  openWindows: (rule: string) => `tc/${part(rule)}`,
  job: (id: string) => `j/${part(id)}`,
  jobDue: (ms: number, id: string) => `jd/${time(ms)}/${part(id)}`,
  releases: () => "ug/b/",
  release: (version: string, arch: string) => `ug/b/${part(version)}/${part(arch)}`,
  rollouts: () => "ug/r/",
  rollout: (id: string) => `ug/r/${part(id)}`,
  rolloutAgents: (id: string) => `ug/a/${part(id)}/`,
  rolloutAgent: (id: string, agent: string) => `ug/a/${part(id)}/${part(agent)}`,
  upgradeReports: () => "ug/p/",
  upgradeReport: (agent: string) => `ug/p/${part(agent)}`,
  identity: (agent: string) => `ai/${part(agent)}`,
  token: (id: string) => `at/${part(id)}`,
  setting: (name: string) => `xs/${part(name)}`,
  chainRow: (seq: number) => `ac/${padded(seq, 12)}`,
  /** All rows that belong to one story. */
  story: (root: string) => `as/${part(root)}/`,
  storyRow: (root: string, seq: number) => `as/${part(root)}/${padded(seq, 12)}`,
} as const;

/** The number of an entry, or of a row of the chain, from its key. */
export const downNumber = (key: string) => Number(key.slice(key.lastIndexOf("/") + 1));

/** The range of all keys that begin with `prefix`, which must end in `/`. */
export function within(prefix: string): { gte: string; lt: string } {
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` };
}

const seldomRead: ReadonlySet<string> = new Set(["i/", "n/", "f/", "r/", "k/", "zr", "ac"]);

/** Records that are read again soon after they are written. History is not; rules and packs are in memory anyway. */
export function isReadAgain(key: string): boolean {
  return !seldomRead.has(key.slice(0, 2));
}
