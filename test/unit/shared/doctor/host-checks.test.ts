import { describe, expect, test } from "vitest";
import type { Found } from "../../../../shared/doctor/finding.ts";
import {
  fileSystemFound,
  roomFound,
  secretFilesFound,
  settingsFileFound,
  sizeText,
  syncFound,
} from "../../../../shared/doctor/host-checks.ts";
import { type DiskFacts, mountIn } from "../../../../shared/doctor/host-facts.ts";
import { shownLine } from "../../../../shared/doctor/log-lines.ts";
import { hidingSettings, type UnitFacts, unitFound, unitSettings } from "../../../../shared/doctor/unit.ts";

const shown = (found: readonly Found[]) => found.map(({ level, where }) => `${level} ${where}`);
const gib = 1024 ** 3;
const disk: DiskFacts = {
  folder: "/data",
  freeBytes: 50 * gib,
  totalBytes: 100 * gib,
  freeInodes: 1e6,
  totalInodes: 2e6,
  mount: null,
};

describe("room", () => {
  test.each<[string, Partial<DiskFacts>, readonly string[]]>([
    ["enough", {}, ["ok /data"]],
    ["less than a GiB", { freeBytes: gib / 2 }, ["warning /data"]],
    ["less than a twentieth", { freeBytes: 2 * gib, totalBytes: 100 * gib }, ["warning /data"]],
    ["hardly any", { freeBytes: 10 * 1024 ** 2 }, ["fault /data"]],
    ["few inodes", { freeInodes: 10 }, ["warning /data"]],
    ["no inodes, and little room", { freeInodes: 0, freeBytes: gib / 2 }, ["warning /data", "fault /data"]],
    ["a file system that does not count inodes", { freeInodes: 0, totalInodes: 0 }, ["ok /data"]],
    ["one that says nothing", { freeBytes: null, totalBytes: null }, ["note /data"]],
  ])("%s", (_, over, expected) => {
    expect(shown(roomFound({ ...disk, ...over }, "make room"))).toEqual(expected);
  });
});

describe("the file system", () => {
  const mount = (type: string, ...options: string[]) => ({
    point: "/data",
    type,
    options: ["rw", ...options],
  });
  test.each([
    ["a local disk", mount("ext4", "nosuid"), ["ok /data/x"]],
    ["read-only", { point: "/data", type: "ext4", options: ["ro"] }, ["fault /data"]],
    ["network", mount("nfs4"), ["fault /data/x"]],
    ["memory", mount("tmpfs"), ["warning /data/x"]],
    ["noexec", mount("xfs", "noexec"), ["warning /data"]],
    ["unknown", null, ["note /data/x"]],
  ])("%s", (_, facts, expected) => {
    expect(shown(fileSystemFound("/data/x", facts, { mayExec: true }))).toEqual(expected);
  });

  test("noexec is no matter where nothing is run from", () => {
    expect(shown(fileSystemFound("/d", mount("ext4", "noexec"), { mayExec: false }))).toEqual(["ok /d"]);
  });

  test("is found in the table of mounts: the deepest, and of one place the last", () => {
    const table = [
      "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
      "2 1 0:5 / /var/lib rw,noexec - tmpfs tmpfs rw,size=1k",
      "3 1 8:2 / /var/lib rw,nosuid - xfs /dev/sdb ro,attr2",
      "4 1 8:3 / /with\\040blank rw - btrfs /dev/sdc rw",
      "",
    ].join("\n");
    expect(mountIn(table, "/var/lib/petrel")).toEqual({
      point: "/var/lib",
      type: "xfs",
      options: ["rw", "nosuid", "ro", "attr2"],
    });
    expect(mountIn(table, "/var/library")?.type).toBe("ext4");
    expect(mountIn(table, "/with blank/x")?.type).toBe("btrfs");
    expect(mountIn("", "/x")).toBe(null);
  });
});

test.each([
  [12.5, "ok"],
  [2_000, "warning"],
  [new Error("EIO"), "fault"],
])("a sync that took %s is %s", (ms, level) => {
  expect(syncFound("/data", ms).map((found) => found.level)).toEqual([level]);
});

describe("files", () => {
  const file = { path: "/k", mode: 0o600, uid: 7, isFolder: false };
  test.each([
    [{}, []],
    [{ uid: 0 }, []],
    [{ mode: 0o640 }, ["chmod 0600 /k"]],
    [{ mode: 0o755, isFolder: true }, ["chmod 0700 /k"]],
    [{ uid: 8 }, ["chown 7 /k"]],
  ])("with secrets: %j", (over, fixes) => {
    expect(secretFilesFound([{ ...file, ...over }], 7).map(({ fix }) => fix)).toEqual(fixes);
  });
  test.each([
    [{ mode: 0o644 }, []],
    [{ mode: 0o664 }, ["chmod go-w /k"]],
    [{ uid: 8 }, ["chown root /k"]],
  ])("with settings: %j", (over, fixes) => {
    expect(settingsFileFound({ ...file, ...over }, 7).map(({ fix }) => fix)).toEqual(fixes);
  });
});

describe("a unit", () => {
  const unit: UnitFacts = {
    name: "petrel-agent.service",
    hasSystemd: true,
    path: "/etc/systemd/system/petrel-agent.service",
    isEnabled: true,
    settings: [["Restart", "always"]],
  };
  const judged = (over: Partial<UnitFacts>) =>
    unitFound({ ...unit, ...over }, { harmful: hidingSettings, install: "install it" }).map(
      ({ level, what }) => `${level} ${what.split(":")[0]}`,
    );
  test.each<[Partial<UnitFacts>, readonly string[]]>([
    [{}, ["ok it is started at boot and when it dies"]],
    [{ hasSystemd: false }, ["note this host runs no systemd"]],
    [{ path: null }, ["note there is no unit"]],
    [{ isEnabled: false }, ["warning it is not started at boot"]],
    [{ settings: [] }, ["warning it is not started again when it dies (Restart)"]],
    [{ settings: [...unit.settings, ["ProtectHome", "read-only"]] }, ["warning ProtectHome=read-only"]],
    [
      { settings: [...unit.settings, ["ProtectHome", "yes"], ["ProtectHome", "no"]] },
      ["ok it is started at boot and when it dies"],
    ],
    [
      { settings: [...unit.settings, ["InaccessiblePaths", "/x"], ["InaccessiblePaths", ""]] },
      ["ok it is started at boot and when it dies"],
    ],
  ])("%j", (over, expected) => {
    expect(judged(over)).toEqual(expected);
  });

  test("is read as systemd reads it", () => {
    expect(
      unitSettings("[Unit]\n# Restart=no\nExecStart = /bin/x \\\n  --data /d\nRestart=always \n"),
    ).toEqual([
      ["ExecStart", "/bin/x    --data /d"],
      ["Restart", "always"],
    ]);
  });
});

test.each([
  ["2026-01-01T00:00:00.000Z INFO  the link to the hub is up", null],
  [
    '2026-01-01T00:00:00.000Z ERROR sensor error error="bad pass hunter2" sensor=p.Login',
    "2026-01-01T00:00:00.000Z ERROR (left out, as it may quote what was printed or told) sensor=p.Login",
  ],
  [
    '{"at":"2026-01-01T00:00:00.000Z","level":"warn","message":"hunter2","sensor":"p.Login"}',
    '2026-01-01T00:00:00.000Z WARN  (left out, as it may quote what was printed or told) "sensor":"p.Login"',
  ],
])("a line of the log: %s", (line, expected) => {
  expect(shownLine(line)).toBe(expected ?? line);
});

test.each([
  [10, "10 B"],
  [2048, "2 KiB"],
  [5 * 1024 ** 2, "5 MiB"],
  [1.5 * gib, "1.5 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
