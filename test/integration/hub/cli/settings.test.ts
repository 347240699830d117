import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runPetrel } from "../../../support/run-petrel.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

describe("petrel config show", () => {
  test("says what each setting is and where it came from", async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, "hub.yaml"), "retention:\n  days: 7\nhttp:\n  listen: 127.0.0.1:1\n");
    const args = ["config", "show", "--config", "hub.yaml", "--http", "2"];
    const env = { PETREL_LOG_LEVEL: "debug" };
    const { code, stdout } = await runPetrel([...args, "--json"], { cwd, env });
    expect(code).toBe(0);
    const rows: { setting: string; value: unknown; origin: string }[] = JSON.parse(stdout);
    expect(rows.map(({ setting, value, origin }) => [setting, value, origin])).toEqual([
      ["data", null, "default"],
      ["names", [], "default"],
      ["http.listen", "2", "--http"],
      ["http.tls.cert", null, "default"],
      ["http.tls.key", null, "default"],
      ["http.insecure", false, "default"],
      ["mqtt.listen", null, "default"],
      ["broker.url", null, "default"],
      ["retention.days", 7, `${cwd}/hub.yaml:2 (retention.days)`],
      ["retention.max_instances", 5_000_000, "default"],
      ["retention.max_mib", null, "default"],
      ["agents.lost_after", 120, "default"],
      ["agents.certificate_days", 30, "default"],
      ["per_address.strangers", 256, "default"],
      ["per_address.enrolments", 16, "default"],
      ["per_address.waiting", 100, "default"],
      ["per_address.http", 128, "default"],
      ["rules.loop_depth", 8, "default"],
      ["timers.catch_up", "last", "default"],
      ["log.level", "debug", "PETREL_LOG_LEVEL"],
      ["log.format", "text", "default"],
    ]);
    const table = await runPetrel([...args, "--origin"], { cwd, env });
    expect(table.stdout).toMatch(/^log\.level +debug +PETREL_LOG_LEVEL$/m);
  });
});

describe("settings that are wrong stop the start, with exit code 2", () => {
  test.each([
    ["petrel", ["hub", "--mqtt", "nowhere"], "CONFIG_INVALID: mqtt.listen must match"],
    ["petrel", ["hub", "--http", "99999"], "CONFIG_INVALID: '99999' is no address"],
    ["petrel", ["hub", "--config", "missing.yaml"], "FILE_UNREADABLE"],
    [
      "petrel",
      ["hub", "--config", "bad.yaml"],
      "CONFIG_INVALID: unknown setting 'retenton'; write 'retention'",
    ],
    ["petrel-agent", ["run", "--hub", "http://x"], "CONFIG_INVALID: hub must match"],
    ["petrel-agent", ["run", "--id", "Web 1"], "CONFIG_INVALID: id must match"],
    ["petrel-agent", ["run", "--label", "web"], "CONFIG_INVALID: labels must be object"],
    ["petrel-agent", ["run", "--config", "bad.yaml"], "unknown setting 'retenton'"],
    ["petrel-agent", ["rum"], "CLI_USAGE: unknown command 'rum'"],
  ] as const)("%s %j", async (command, args, message) => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, "bad.yaml"), "retenton:\n  days: 1\n");
    const { code, stdout, stderr } = await runPetrel([...args], { command, cwd });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});
