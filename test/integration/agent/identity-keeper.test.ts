/** An agent whose certificate no broker takes any more asks for another beside the link, and shows that one soon. */
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { agentKey, openIdentity, writeIdentity } from "../../../agent/identity/identity-fs.ts";
import { IdentityKeeper } from "../../../agent/identity/keeper.ts";
import { certificatePem } from "../../../shared/identity/certificates.ts";
import { publicKey, publicText } from "../../../shared/identity/ed25519.ts";
import type { EnrolAsk, ProvenAnswer } from "../../../shared/identity/enrolment.ts";
import { silentLogger } from "../../../shared/log.ts";
import { keyPair, statementOf } from "../../support/link-identities.ts";
import { manualTime } from "../../support/manual-time.ts";
import { testAgent } from "../../support/start-agent-connection.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const start = Date.UTC(2026, 0, 1);
const lifeMs = 60_000;

/** An enrolled agent's folder, its keeper, and a hub that answers beside the link. */
async function kept() {
  const data = await tempFolder("keeper");
  const [root, ca] = [keyPair(), keyPair()];
  const key = await agentKey(data);
  const time = manualTime(start);
  const certificate = (serial: number) =>
    certificatePem({
      role: "client",
      subject: "web-1",
      issuer: "test CA",
      key,
      issuerKey: ca.privateKey,
      serial: Buffer.from([serial]),
      notBefore: time.clock.now(),
      notAfter: time.clock.now() + lifeMs,
    });
  await writeIdentity(data, {
    fleet: {
      v: 1,
      agent: "web-1",
      hub: "mqtts://127.0.0.1:8883",
      enroll: "mqtts://127.0.0.1:8884",
      root: publicText(root.publicKey),
      serial: 1,
    },
    certificate: certificate(1),
    rootCertificate: "",
  });
  const identity = await openIdentity(data, silentLogger);
  if (identity === null) throw new Error("no identity");
  const asks: EnrolAsk[] = [];
  const events: string[] = [];
  const linked = { yes: false };
  const rootKey = publicKey(publicText(root.publicKey));
  if (rootKey === null) throw new Error("no root");
  const keeper = new IdentityKeeper({
    identity,
    ask: () => Promise.reject(new Error("there is no link")),
    askHub: async (ask): Promise<ProvenAnswer> => {
      asks.push(ask);
      const statement = statementOf(root.privateKey, 1, [keyPair().privateKey]);
      return {
        answer: { v: 1, state: "enrolled", agent: "web-1", certificate: certificate(2), root: "", statement },
        root: rootKey,
      };
    },
    reconnect: () => void events.push("reconnect"),
    isLinked: () => linked.yes,
    hubNow: () => time.clock.now(),
    host: "web-1",
    version: "0",
    timers: time.timers,
    log: silentLogger,
  });
  onTestFinished(() => keeper.close());
  return { identity, keeper, asks, events, time, root, data, linked };
}

const expired = () =>
  Object.assign(new Error("alert certificate expired"), {
    code: "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED",
  });

test.each([
  ["says that it is over", () => expired()],
  ["closes without a word", () => new Error("the connection was closed")],
])("a broker that %s: another one is asked for, and tried at once", async (_what, reason) => {
  const { identity, keeper, asks, events, time } = await kept();
  const old = keeper.tls().own?.cert;
  time.advance(lifeMs + 1_000);
  keeper.trouble(reason());
  await waitUntil("the new one to be tried", () => events.length > 0);
  expect(asks).toMatchObject([{ agent: "web-1", renew: true, token: null }]);
  const next = identity.next()?.pem;
  expect(next).toBeDefined();
  expect(next).not.toBe(old);
  // The next connection shows it; from when a broker takes that, it is the one in use.
  expect(keeper.tls().own?.cert).toBe(next);
  keeper.connected();
  await waitUntil("it to be the one in use", () => identity.next() === null);
  expect(identity.certificate().pem).toBe(next);
  expect(events).toEqual(["reconnect"]);
});

test("a broker that closes while the certificate is young is asked for nothing", async () => {
  const { keeper, asks, events } = await kept();
  keeper.tls();
  keeper.trouble(new Error("the connection was closed"));
  await keeper.close();
  expect(asks).toEqual([]);
  expect(events).toEqual([]);
});

test("after a long outage, an attempt that is wanted does not wait for the next in turn", async () => {
  const time = manualTime(start);
  // Nobody listens there.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const { agent } = testAgent({
    url: `mqtt://127.0.0.1:${port}`,
    clock: time.clock,
    timers: time.timers,
    jitter: () => 0.5,
    limits: { backoff: { firstMs: 1_000, mostMs: 60_000 } },
  });
  const failed = (attempts: number) =>
    waitUntil(
      `${attempts} attempts to have failed`,
      () => agent.stats().attempts === attempts && time.pending().length > 0,
    );
  for (const attempts of [1, 2, 3, 4, 5, 6, 7]) {
    await failed(attempts);
    if (attempts < 7) time.advance(time.pending()[0] ?? 0);
  }
  expect(time.pending()).toEqual([60_000]);
  agent.reconnect();
  expect(time.pending()).toEqual([1_000]);
  time.advance(1_000);
  await failed(8);
  // The row goes on where it was.
  expect(time.pending()).toEqual([60_000]);
});

test("what was sent before the hub had new keys counts by the new ones, and old keys do not come back with it", async () => {
  const { identity, keeper, root, data, linked } = await kept();
  const [first, second, stranger] = [keyPair(), keyPair(), keyPair()];
  const old = statementOf(root.privateKey, 3, [first.privateKey]);
  const now = statementOf(root.privateKey, 4, [second.privateKey, first.privateKey]);
  const keysFor = (value: unknown) => identity.keysFor(value).map(publicText);
  const both = [second, first].map(({ publicKey }) => publicText(publicKey));
  // A request that was sent before, and is still carried out.
  expect(keysFor(old)).toEqual([publicText(first.publicKey)]);
  expect(identity.link.hubKeys(now)?.length).toBe(2);
  expect(keysFor(old)).toEqual(both);
  // A hello must be as new as those before.
  expect(identity.link.hubKeys(old)).toBeNull();
  // Anybody can show what the root key has signed: that alone is no word on the hub.
  expect(keeper.status().refused).toBeNull();
  identity.link.refused(old);
  expect(keeper.status().refused).toMatchObject({ code: "IDENTITY_HUB_KEYS" });
  linked.yes = true;
  expect(keeper.status().refused).toBeNull();
  for (const value of [
    undefined,
    statementOf(stranger.privateKey, 9, [stranger.privateKey]),
    { ...now, serial: 9 },
  ])
    expect(keysFor(value)).toEqual(both);
  // Its own keys, where it is newer.
  const next = statementOf(root.privateKey, 5, [second.privateKey]);
  expect(keysFor(next)).toEqual([publicText(second.publicKey)]);
  expect(identity.link.hubKeys(now)).toBeNull();
  const later = await openIdentity(data, silentLogger);
  expect([later?.link.serial(), later?.keysFor(now)]).toEqual([5, []]);
});
