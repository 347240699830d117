import { describe, expect, test } from "vitest";
import {
  admit,
  type ConnectRequest,
  filterMatches,
  type Ground,
  judgePublish,
  judgeSubscribe,
  type Peer,
} from "../../../../hub/broker/authorize.ts";
import { topicKinds } from "../../../../shared/wire/topics.ts";

const strict: Ground = { prefix: "petrel", dev: false, identities: null, hasRoom: false };
const dev: Ground = { ...strict, dev: true };
/** web-1 is enrolled with `key-1`. */
const enrolled: Ground = {
  ...strict,
  hasRoom: true,
  identities: {
    judge: (id, key) =>
      id !== "web-1" || key === null ? "unknown" : key === "key-1" ? "known" : "other_key",
  },
};
const full: Ground = { ...enrolled, hasRoom: false };
const nonce = "0123456789abcdef".repeat(2);
const newcomer = { clientId: `enroll-${nonce}`, username: undefined };
const shown = (name: string, key: string | null) => ({ certificate: { name, key } });
const agent: Peer = { role: "agent", id: "web-1" };
const observer: Peer = { role: "observer", id: "observer-1" };
const enrolling: Peer = { role: "enrolling", id: newcomer.clientId };
const base: ConnectRequest = {
  clientId: "web-1",
  username: "web-1",
  clean: true,
  will: undefined,
  certificate: null,
};

describe("connecting", () => {
  test.each<[string, Partial<ConnectRequest>, Ground, string]>([
    ["an agent under its own name", {}, strict, "agent"],
    ["an agent without a user name", { username: undefined }, strict, "user_name"],
    ["an agent without a user name in dev mode", { username: undefined }, dev, "agent"],
    ["another's user name", { username: "web-2" }, strict, "user_name"],
    ["another's user name in dev mode", { username: "web-2" }, dev, "user_name"],
    ["an empty client id", { clientId: "", username: "" }, dev, "client_id"],
    ["a client id with a slash", { clientId: "a/b", username: "a/b" }, strict, "client_id"],
    ["a client id with a wildcard", { clientId: "+", username: "+" }, strict, "client_id"],
    [
      "a client id of 64 characters",
      { clientId: "a".repeat(64), username: "a".repeat(64) },
      strict,
      "client_id",
    ],
    ["a prototype's name", { clientId: "__proto__", username: "__proto__" }, strict, "client_id"],
    ["a persistent session", { clean: false }, strict, "persistent_session"],
    ["a will on its own presence", { will: "petrel/v1/agent/web-1/presence" }, strict, "agent"],
    ["a will on another's presence", { will: "petrel/v1/agent/web-2/presence" }, strict, "will"],
    ["a will on another topic of its own", { will: "petrel/v1/agent/web-1/up" }, strict, "will"],
    ["an observer in dev mode", { clientId: "observer-1", username: undefined }, dev, "observer"],
    [
      "an observer in dev mode with a will",
      { clientId: "observer-1", username: undefined, will: "petrel/v1/agent/observer-1/presence" },
      dev,
      "will",
    ],
    ["an agent of an observer's name", { clientId: "observer-1", username: "observer-1" }, strict, "agent"],
    ["an enrolled agent with its key", shown("web-1", "key-1"), enrolled, "agent"],
    ["an enrolled agent with another key", shown("web-1", "key-2"), enrolled, "other_key"],
    ["an enrolled agent with a key of another kind", shown("web-1", null), enrolled, "unknown_identity"],
    ["a certificate of another id", shown("web-2", "key-1"), enrolled, "other_key"],
    [
      "an agent that is not enrolled",
      { clientId: "web-2", ...shown("web-2", "key-1") },
      enrolled,
      "unknown_identity",
    ],
    ["an enrolled agent without a certificate", {}, enrolled, "unknown_identity"],
    ["an observer where agents enrol", { clientId: "observer-1" }, enrolled, "unknown_identity"],
    ["a host that enrols", newcomer, enrolled, "enrolling"],
    [
      "a host that enrols, with a will",
      { ...newcomer, will: "petrel/v1/agent/web-1/presence" },
      enrolled,
      "will",
    ],
    ["one more host that enrols than may", newcomer, full, "enrolments"],
    ["an agent while as many enrol as may", shown("web-1", "key-1"), full, "agent"],
    [
      "one that shows a certificate for that",
      { ...newcomer, ...shown("web-1", "key-1") },
      enrolled,
      "other_key",
    ],
    ["a short nonce", { clientId: "enroll-0123", username: "enroll-0123" }, enrolled, "unknown_identity"],
  ])("%s", (_what, change, ground, expected) => {
    const answer = admit({ ...base, ...change }, ground);
    expect("refusal" in answer ? answer.refusal : answer.role).toBe(expected);
  });
});

describe("publishing", () => {
  const mine = ["up", "down-receipt", "hello", "ask", "answer", "stream", "presence"];

  test("an agent publishes on exactly the topics of its side", () => {
    const allowed = topicKinds.filter(
      (kind) => "kind" in judgePublish(agent, `petrel/v1/agent/web-1/${kind}`, 1, "petrel"),
    );
    expect([...allowed].sort()).toEqual([...mine].sort());
  });

  test.each<[string, Peer, string, number, string]>([
    ["another's id", agent, "petrel/v1/agent/web-2/up", 1, "forged_topic"],
    ["the hub's side", agent, "petrel/v1/agent/web-1/down", 1, "wrong_side"],
    ["another prefix", agent, "other/v1/agent/web-1/up", 1, "foreign_topic"],
    ["a deeper topic", agent, "petrel/v1/agent/web-1/up/x", 1, "foreign_topic"],
    ["an inherited name as kind", agent, "petrel/v1/agent/web-1/constructor", 1, "foreign_topic"],
    ["the broker's own topics", agent, "$SYS/x", 1, "foreign_topic"],
    ["QoS 2", agent, "petrel/v1/agent/web-1/up", 2, "qos2"],
    ["an observer", observer, "petrel/v1/agent/observer-1/up", 1, "silent_observer"],
  ])("is refused: %s", (_what, peer, topic, qos, refusal) => {
    expect(judgePublish(peer, topic, qos, "petrel")).toMatchObject({ refusal });
  });
});

describe("subscribing", () => {
  test.each<[string, Peer, string, string | null]>([
    ["its own down topic", agent, "petrel/v1/agent/web-1/down", null],
    ["one level below its id", agent, "petrel/v1/agent/web-1/+", null],
    ["all below its id", agent, "petrel/v1/agent/web-1/#", null],
    ["another's topic", agent, "petrel/v1/agent/web-2/down", "foreign_subscription"],
    ["every agent's topic", agent, "petrel/v1/agent/+/down", "foreign_subscription"],
    ["an id that begins like its own", agent, "petrel/v1/agent/web-10/#", "foreign_subscription"],
    ["everything", agent, "#", "foreign_subscription"],
    ["the broker's own topics", agent, "$SYS/#", "foreign_subscription"],
    ["a share of its own topic", agent, "$share/g/petrel/v1/agent/web-1/down", "shared_subscription"],
    ["an observer: all under the prefix", observer, "petrel/#", null],
    ["an observer: one kind of all agents", observer, "petrel/v1/agent/+/up", null],
    ["an observer: beyond the prefix", observer, "#", "foreign_subscription"],
    ["an observer: a prefix that begins alike", observer, "petrelx/#", "foreign_subscription"],
  ])("%s", (_what, peer, filter, refusal) => {
    expect(judgeSubscribe(peer, filter, "petrel")?.refusal ?? null).toBe(refusal);
  });

  test.each<[string, string, boolean]>([
    ["a/b", "a/b", true],
    ["a/+", "a/b", true],
    ["a/+", "a/b/c", false],
    ["a/#", "a/b/c", true],
    ["a/#", "a", true],
    ["a/+/c", "a/b/c", true],
    ["a/b", "a", false],
    ["+", "a/b", false],
  ])("%s matches %s: %s", (filter, topic, matches) => {
    expect(filterMatches(filter, topic)).toBe(matches);
  });
});

describe("a host that enrols", () => {
  const other = "f".repeat(32);
  test.each([
    [`petrel/v1/enroll/${nonce}/ask`, "enrol"],
    [`petrel/v1/enroll/${nonce}/answer`, "refusal"],
    [`petrel/v1/enroll/${other}/ask`, "refusal"],
    ["petrel/v1/agent/web-1/hello", "refusal"],
  ])("publishes on %s: %s", (topic, expected) => {
    expect(Object.keys(judgePublish(enrolling, topic, 1, "petrel"))).toContain(expected);
  });

  test.each([
    [`petrel/v1/enroll/${nonce}/answer`, true],
    [`petrel/v1/enroll/${nonce}/ask`, false],
    [`petrel/v1/enroll/${other}/answer`, false],
    ["petrel/v1/enroll/+/answer", false],
    ["petrel/v1/agent/web-1/down", false],
    ["#", false],
  ])("subscribes to %s: %s", (filter, may) => {
    expect(judgeSubscribe(enrolling, filter, "petrel") === null).toBe(may);
  });

  test("no agent may ask", () => {
    expect(judgePublish(agent, `petrel/v1/enroll/${nonce}/ask`, 1, "petrel")).toHaveProperty("refusal");
  });
});
