import { expect, test } from "vitest";
import { changedSettings, umaskOf } from "../../../agent/unit-settings.ts";

const status = `Name:\tagent
Umask:\t0022
State:\tS (sleeping)
Uid:\t0\t0\t0\t0
Gid:\t0\t0\t0\t0
Groups:\t4 27 
CapBnd:\t000001ffffffffff
NoNewPrivs:\t0
Seccomp:\t0
Seccomp_filters:\t0
`;
const own = { status, mounts: "mnt:[4026531841]" };

test("what the same unit has started has the same settings, whatever else it is", () => {
  expect(
    changedSettings(own, { ...own, status: status.replace("agent", "sh").replace("S (", "R (") }),
  ).toEqual([]);
});

test.each([
  ["Uid:\t0", "Uid:\t7", "User="],
  ["Gid:\t0", "Gid:\t7", "Group="],
  ["4 27", "4", "SupplementaryGroups="],
  ["1ffff", "0ffff", "CapabilityBoundingSet="],
  ["Privs:\t0", "Privs:\t1", "NoNewPrivileges="],
  ["Seccomp:\t0", "Seccomp:\t2", "SystemCallFilter= and its like"],
])("%j and %j differ in %s", (from, to, setting) => {
  expect(changedSettings(own, { ...own, status: status.replace(from, to) })).toEqual([setting]);
});

test("a file system of its own is one, too", () => {
  expect(changedSettings(own, { ...own, mounts: "mnt:[4026532000]" })).toHaveLength(1);
});

test("the umask is octal", () => {
  expect([umaskOf(status), umaskOf("Name:\tagent\n")]).toEqual([0o022, null]);
});
