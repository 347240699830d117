/** One address does not take all connections of the API. */
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Door } from "../../../../hub/access/door.ts";
import { http, https } from "../../../../shared/node-http.ts";
import { createAuthority } from "../../../support/certificates.ts";
import { startApi } from "../../../support/start-api.ts";
import { waitUntil } from "../../../support/wait-until.ts";

/** Status of `GET /healthz`; `null` when the connection is closed without an answer. */
function health(url: string, localAddress: string): Promise<number | null> {
  const client = url.startsWith("https:") ? https : http;
  return new Promise((resolve) => {
    const options = { localAddress, rejectUnauthorized: false, agent: false };
    const request = client.get(`${url}/healthz`, options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? null));
    });
    request.on("error", () => resolve(null));
  });
}

test.for(["plain", "with TLS"] as const)("%s", async (way) => {
  const leaf = way === "plain" ? null : await (await createAuthority()).sign("IP:127.0.0.1");
  const pair = leaf === null ? null : { key: leaf.key, cert: leaf.cert };
  const tls = pair && { current: () => pair, subscribe: () => () => {} };
  const { listen, refused } = await startApi(
    {},
    { tls, door: new Door({ perAddress: 2, isExempt: () => false }) },
  );
  const url = await listen();
  const held: Socket[] = [1, 2].map(() =>
    connect({ host: "127.0.0.1", port: Number(new URL(url).port), localAddress: "127.0.0.2" }),
  );
  onTestFinished(() => held.forEach((socket) => void socket.destroy()));
  await waitUntil("they are connected", () => held.every(({ connecting }) => !connecting));
  expect(await health(url, "127.0.0.2")).toBeNull();
  expect(refused).toEqual([expect.stringMatching(/^127\.0\.0\.2:\d+$/)]);
  expect(await health(url, "127.0.0.3")).toBe(200);
  held[0]?.destroy();
  await waitUntil("a place is free", async () => (await health(url, "127.0.0.2")) === 200);
});
