import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { argumentsOf, scriptOf, shownCommandLine } from "../../../../../agent/watch/who/command-line.ts";
import { packageProgramOf } from "../../../../../agent/watch/who/package-programs.ts";

const hidden = "********";

describe("a command line", () => {
  test.each([
    [["touch", "a file"], "touch a file"],
    [["mysql", "--password=s3cret", "-u", "root"], `mysql --password=${hidden} -u root`],
    [["tool", "--token", "s3cret", "x"], `tool --token ${hidden} x`],
    [["tool", "--db-password", "s3 cret"], `tool --db-password ${hidden}`],
    [["tool", "--password", "--force"], "tool --password --force"],
    [["sh", "-c", "mysql --password=s3cret; ls"], `sh -c mysql --password=${hidden} ls`],
    [["sh", "-c", 'PGPASSWORD="s3 cret" psql'], `sh -c PGPASSWORD=${hidden} psql`],
    [["env", "AWS_SECRET_ACCESS_KEY=s3cret", "aws"], `env AWS_SECRET_ACCESS_KEY=${hidden} aws`],
    [["curl", "https://me:s3cret@example.org/x"], `curl https://me:${hidden}@example.org/x`],
    [["curl", "https://example.org/?api_key=s3cret&x=1"], `curl https://example.org/?api_key=${hidden}&x=1`],
    [["curl", "-H", "Authorization: Bearer s3cret"], `curl -H Authorization: Bearer ${hidden}`],
    [["curl", "-d", '{"password": "s3 cret", "x": 1}'], `curl -d {"password": ${hidden}, "x": 1}`],
    [["tool", "--keyboard=us", "passport"], "tool --keyboard=us passport"],
  ])("%j is shown without secrets", (args, shown) => {
    expect(shownCommandLine(args)).toBe(shown);
  });

  test("is bounded, and a secret that the bound cuts stays hidden", () => {
    expect(shownCommandLine(["x", "y".repeat(5_000)])).toHaveLength(1_024);
    const open = argumentsOf(Buffer.from(`sh\0-c\0tool --password="${"s3cret ".repeat(1_000)}"\0`));
    expect(shownCommandLine(open)).toBe(`sh -c tool --password=${hidden}`);
  });

  test("that is made to take long does not", () => {
    const hostile = ["--a-".repeat(500), "pass-".repeat(400), "a.".repeat(1_000), "token".repeat(400)];
    for (const text of hostile) expect(shownCommandLine([text, text]).length).toBeLessThanOrEqual(1_024);
  });

  test("keeps empty arguments and bytes that are no UTF-8", () => {
    expect(argumentsOf(Buffer.from("a\0\0b\0"))).toEqual(["a", "", "b"]);
    expect(argumentsOf(Buffer.from([0x61, 0xff, 0]))).toEqual(["a\ufffd"]);
    expect(argumentsOf(Buffer.alloc(0))).toEqual([]);
  });
});

describe("the package program", () => {
  test.each([
    ["/usr/bin/dpkg", ["dpkg", "-i", "x.deb"], "dpkg"],
    ["/usr/bin/apt-get", ["apt-get", "install", "x"], "apt"],
    ["/usr/bin/python3.11", ["/usr/bin/python3", "/usr/bin/unattended-upgrade"], "apt"],
    ["/usr/bin/rpm", ["rpm", "-U", "x"], "rpm"],
    ["/usr/bin/python3.9", ["/usr/bin/python3", "-s", "/usr/bin/dnf", "upgrade"], "dnf"],
    ["/usr/bin/python3.11", ["python3", "-m", "pip", "install", "x"], "pip"],
    ["/home/u/venv/bin/python3", ["python3", "/home/u/venv/bin/pip3.11", "install", "x"], "pip"],
    ["/usr/bin/node", ["node", "/usr/bin/npm", "ci"], "npm"],
    ["/usr/bin/bash", ["bash", "/usr/bin/dpkg"], null],
    ["/tmp/dpkg", ["dpkg"], null],
    ["/usr/bin/dpkg-query", ["dpkg-query", "-l"], null],
    ["/usr/bin/python3", ["python3", "-c", "/usr/bin/pip"], null],
    ["/usr/bin/python3", ["python3"], null],
    ["/usr/bin/constructor", ["constructor"], null],
    [null, ["dpkg"], null],
  ])("of %s %j is %s", (exe, args, name) => {
    expect(packageProgramOf(exe, scriptOf(args))).toBe(name);
  });
});
