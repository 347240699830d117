import { describe, expect, test } from "vitest";
import {
  type AdmissionFacts,
  admission,
  hasShare,
  mostPending,
} from "../../../../hub/enrolment/admission.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { AgentIdentity, EnrolmentToken } from "../../../../shared/model/identity.ts";
import { noon } from "../../../support/records.ts";

const key = "k".repeat(43);
const other = "o".repeat(43);
const known = (over: Partial<AgentIdentity>): AgentIdentity => ({
  agent: "web-1",
  key,
  state: "active",
  labels: {},
  token: null,
  requested_at: timestamp(noon),
  enrolled_at: timestamp(noon),
  address: null,
  host: null,
  certificate: null,
  rev: 1,
  ...over,
});
const token = (over: Partial<EnrolmentToken> = {}): EnrolmentToken => ({
  id: "t1",
  sealed: "",
  uses: 1,
  uses_at_first: 1,
  created_at: timestamp(noon),
  expires_at: timestamp(noon + 1),
  labels: {},
  agent: null,
  revoked: false,
  rev: 1,
  ...over,
});
const ask = {
  v: 1,
  agent: "web-1",
  key,
  csr: "",
  token: "t1",
  renew: false,
  host: "h",
  version: "1",
} as const;
const facts: AdmissionFacts = {
  ask,
  proof: "token",
  isRequestFine: true,
  known: null,
  token: token(),
  pending: 0,
  hasShare: true,
  now: noon,
};
const bare = { proof: "key", token: null } as const;
const hubAsk = { ...ask, agent: "hub" };

describe("who becomes an agent", () => {
  test.each<[string, Partial<AdmissionFacts>, object]>([
    ["with a good token", {}, { type: "grant", use: "t1" }],
    [
      "the same again",
      { known: known({ token: "t1" }), token: token({ uses: 0 }) },
      { type: "grant", use: null },
    ],
    ["once it is expired, known", { known: known({}), now: noon + 9 }, { type: "grant", use: null }],
    [
      "who waits, with a token meanwhile",
      { known: known({ state: "pending", key: other }) },
      { type: "grant", use: "t1" },
    ],
    [
      "one that was removed, with another key",
      { known: known({ state: "removed", key: other }) },
      { type: "grant", use: "t1" },
    ],
    ...(["active", "pending", "removed"] as const).map((state): [string, Partial<AdmissionFacts>, object] => [
      `a key that was removed before this one, which is ${state}`,
      { known: known({ state, key: other, former: ["f".repeat(43), key] }) },
      { code: "AGENT_REMOVED" },
    ]),
    [
      "one that was removed",
      { known: known({ state: "removed" }) },
      { code: "AGENT_REMOVED", mayKnow: true },
    ],
    [
      "one that was removed, by its key",
      { ...bare, known: known({ state: "removed" }) },
      { code: "AGENT_REMOVED", mayKnow: true },
    ],
    ["an id that is taken", { known: known({ key: other }) }, { code: "AGENT_EXISTS", mayKnow: true }],
    [
      "an id that is taken, without a token",
      { ...bare, known: known({ key: other }) },
      { code: "AGENT_EXISTS", mayKnow: false },
    ],
    [
      "a token that is used up",
      { token: token({ uses: 0 }) },
      { code: "ENROL_TOKEN", reason: "the token is used up" },
    ],
    ["a token that is expired", { now: noon + 1 }, { code: "ENROL_TOKEN", reason: "the token is expired" }],
    [
      "a token that is revoked",
      { token: token({ revoked: true }) },
      { code: "ENROL_TOKEN", reason: "the token is revoked" },
    ],
    ["a token for another", { token: token({ agent: "web-2" }) }, { code: "ENROL_TOKEN", mayKnow: true }],
    ["a token for it", { token: token({ agent: "web-1" }) }, { type: "grant", use: "t1" }],
    ["no proof", { proof: "none" }, { code: "ENROL_REFUSED", mayKnow: false }],
    ["no proof, known", { proof: "none", known: known({}) }, { code: "ENROL_REFUSED", mayKnow: false }],
    ["a request for another certificate", { isRequestFine: false }, { code: "ENROL_INVALID", mayKnow: true }],
    [
      "an id of those that enrol",
      { ask: { ...ask, agent: `enroll-${"0".repeat(32)}` } },
      { code: "ENROL_INVALID" },
    ],
    ["the hub's neighbour with any token", { ask: hubAsk }, { code: "ENROL_TOKEN" }],
    [
      "the hub's neighbour with its token",
      { ask: hubAsk, token: token({ agent: "hub" }) },
      { type: "grant" },
    ],
    ["the hub's neighbour without", { ...bare, ask: hubAsk }, { code: "ENROL_REFUSED" }],
    ["without a token", bare, { type: "wait", isNew: true }],
    [
      "without a token, again",
      { ...bare, known: known({ state: "pending" }) },
      { type: "wait", isNew: false },
    ],
    [
      "while another waits",
      { ...bare, known: known({ state: "pending", key: other }) },
      { code: "ENROL_REFUSED", mayKnow: false },
    ],
    ["while too many wait", { ...bare, pending: mostPending }, { code: "ENROL_REFUSED" }],
    [
      "while too many of its address wait",
      { ...bare, hasShare: false },
      { code: "ENROL_REFUSED", mayKnow: false },
    ],
    [
      "who waits already beside too many of its address",
      { ...bare, hasShare: false, known: known({ state: "pending" }) },
      { type: "wait", isNew: false },
    ],
    ["with a token beside too many of its address", { hasShare: false }, { type: "grant", use: "t1" }],
    ["who was approved", { ...bare, known: known({}) }, { type: "grant", use: null }],
    [
      "who wants a new certificate",
      { ...bare, ask: { ...ask, renew: true }, known: known({}) },
      { type: "grant", use: null },
    ],
    [
      "who wants one and is not known",
      { ...bare, ask: { ...ask, renew: true } },
      { code: "IDENTITY_UNKNOWN", mayKnow: false },
    ],
  ])("%s", (_what, over, expected) => {
    expect(admission({ ...facts, ...over })).toMatchObject(expected);
  });
});

describe("the share of an address of those who wait", () => {
  const waiting = [
    "192.0.2.1:5",
    "192.0.2.1:6",
    "[2001:db8::1]:7",
    "[2001:db8::ffff:1]:7",
    "127.0.0.1:1",
    null,
  ].map((address) => ({ address }));
  test.for([
    ["192.0.2.1:9", 2, false],
    ["192.0.2.1:9", 3, true],
    ["192.0.2.2:9", 1, true],
    ["[2001:db8::2]:9", 2, false],
    ["[2001:db8:0:1::2]:9", 1, true],
    ["[::ffff:192.0.2.1]:9", 2, false],
    ["127.0.0.1:9", 1, true],
    [null, 1, true],
  ] as const)("%s of at most %i: %s", ([address, most, has]) => {
    expect(hasShare(address, waiting, most)).toBe(has);
  });
});
