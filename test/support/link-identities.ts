/** A fleet of one: root key, hub and agent, as enrolment would leave them. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { publicKey, publicText } from "../../shared/identity/ed25519.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import { checkStatement, type HubStatement, signStatement } from "../../shared/identity/hub-statement.ts";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import { SessionAuthenticator } from "../../shared/wire/session-authenticator.ts";

export const keyPair = () => generateKeyPairSync("ed25519");

export interface TestFleet {
  /** Of a new process each. */
  readonly authenticator: (side: "agent" | "hub") => Authenticator;
  readonly root: KeyObject;
  /** What the hub signs with. */
  signer: { statement: HubStatement; key: KeyObject };
  /** What the hub takes for the agent's. */
  agentKey: KeyObject | null;
  /** The highest statement that the agent has seen. */
  serial: number;
  /** Statements that it has refused as too old. */
  readonly refused: unknown[];
}

export function testFleet(agent = "web-1"): TestFleet {
  const root = keyPair();
  const hub = keyPair();
  const own = keyPair();
  const fleet: TestFleet = {
    root: root.privateKey,
    signer: { statement: statementOf(root.privateKey, 1, [hub.privateKey]), key: hub.privateKey },
    agentKey: own.publicKey,
    serial: 0,
    refused: [],
    authenticator: (side) =>
      new SessionAuthenticator({
        agent,
        newExchange,
        identity:
          side === "hub"
            ? { side, signer: () => fleet.signer, agentKey: () => fleet.agentKey }
            : {
                side,
                key: own.privateKey,
                serial: () => fleet.serial,
                olderKeys: (text) => {
                  const statement = checkStatement(text, root.publicKey);
                  if (statement === null || statement.serial >= fleet.serial) return null;
                  return statement.keys.flatMap((key) => publicKey(key) ?? []);
                },
                refused: (statement) => void fleet.refused.push(statement),
                hubKeys: (text) => {
                  const statement = checkStatement(text, root.publicKey);
                  if (statement === null || statement.serial < fleet.serial) return null;
                  fleet.serial = statement.serial;
                  return statement.keys.flatMap((key) => publicKey(key) ?? []);
                },
              },
      }),
  };
  return fleet;
}

export function statementOf(root: KeyObject, serial: number, keys: readonly KeyObject[]): HubStatement {
  return signStatement({ v: 1, serial, at: "2026-01-01T00:00:00Z", keys: keys.map(publicText) }, root);
}
