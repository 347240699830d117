/** By which names the certificate of the hub's listeners can be checked: this host's own, and those of `names`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { createHub, type TestHub } from "../../support/fleet.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** Connects as a client that trusts the fleet's root and looks at the name; resolves to the error's code, or `ok`. */
function reaches(hub: TestHub, servername: string): Promise<string> {
  const { port } = new URL(hub.mqtt);
  const ca = readFileSync(join(hub.data, "keys/root.crt"));
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: Number(port), ca, servername });
    const end = (word: string) => {
      socket.destroy();
      resolve(word);
    };
    socket.once("secureConnect", () => end("ok"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

test("a client that looks at names reaches the hub by those that are listed, and by no others", async () => {
  const hub = await createHub({ dev: false });
  await hub.start({ PETREL_NAMES: "petrel.example.org, 192.0.2.7" });
  expect(await reaches(hub, "localhost")).toBe("ok");
  expect(await reaches(hub, "petrel.example.org")).toBe("ok");
  expect(await reaches(hub, "hub.example.net")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  await hub.stop();
  // A certificate that lacks one is made anew: its key and the authority behind it stay.
  const key = readFileSync(join(hub.data, "keys/tls.key"), "utf8");
  await hub.start({ PETREL_NAMES: "hub.example.net" });
  expect(await reaches(hub, "hub.example.net")).toBe("ok");
  expect(await reaches(hub, "petrel.example.org")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  expect(readFileSync(join(hub.data, "keys/tls.key"), "utf8")).toBe(key);
});

test.each([
  "petrel.example.org:8883",
  "https://petrel.example.org",
  "::::",
  "1:2:3",
  "10.0.0.256",
  "-a",
  "a..b",
  "*",
])("'%s' is no name for it", async (name) => {
  const data = join(await tempFolder("names"), "hub");
  const { code, stderr } = await runPetrel(["hub", "--data", data, "--http", "0", "--mqtt", "127.0.0.1:0"], {
    env: { PETREL_NAMES: name },
  });
  expect([code, stderr]).toEqual([2, expect.stringContaining("CONFIG_INVALID")]);
});
