import { expect, test } from "vitest";
import { changedSettings, umaskOf } from "../../../agent/unit-settings.ts";

const status = `Name:\tagent
Umask:\t0022
State:\tS (sleeping)
Uid:\t0\t0\t0\t0
Gid:\t0\t0\t0\t0
Groups:\t4 27 
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t0
Seccomp:\t2
Seccomp_filters:\t3
Cpus_allowed:\tf
Cpus_allowed_list:\t0-3
`;
const stat =
  "71 (a) b) S 1 71 71 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 3 0 0 0 0 0 0";
const host = { mnt: "mnt:[4026531841]", net: "net:[4026531840]", user: "user:[4026531837]" };
const own = { status, stat, oomScore: "-500\n", namespaces: host };
const changed = (other: Partial<typeof own>) => changedSettings(own, { ...own, ...other }, host);

test("what the same unit has started has the same settings, whatever else it is", () => {
  expect(
    changed({
      status: status.replace("agent", "sh").replace("S (", "R (").replace("0-3", "0,1-3"),
      stat: stat.replace("71 (a) b)", "94 (sh)").replace(" 4711 ", " 5822 ").replace(" 17 3 ", " 17 1 "),
    }),
  ).toEqual([]);
});

test.each([
  ["Gid:\t0", "Gid:\t7", "Group="],
  ["4 27", "4", "SupplementaryGroups="],
  ["1ffff", "0ffff", "CapabilityBoundingSet="],
  ["Amb:\t0", "Amb:\t1", "AmbientCapabilities="],
  ["Privs:\t0", "Privs:\t1", "NoNewPrivileges="],
  ["Seccomp:\t2", "Seccomp:\t0", "SystemCallFilter= and its like"],
  ["filters:\t3", "filters:\t4", "SystemCallFilter= and its like"],
  ["allowed:\tf", "allowed:\t3", "CPUAffinity="],
])("%j and %j differ in %s", (from, to, setting) => {
  expect(changed({ status: status.replace(from, to) })).toEqual([setting]);
});

test("what the kernel decides by is a setting, too", () => {
  expect(changed({ oomScore: "0\n" })).toEqual(["OOMScoreAdjust="]);
  expect(changed({ stat: stat.replace(" 20 0 1 ", " 25 5 1 ") })).toEqual(["Nice="]);
  for (const scheduling of [" 17 3 5 0 ", " 17 3 0 3 "])
    expect(changed({ stat: stat.replace(" 17 3 0 0 ", scheduling) })).toEqual(["CPUSchedulingPolicy="]);
});

test("a namespace of its own is told of when one of the two is in the host's: each start has another one", () => {
  const [first, second] = ["mnt:[4026532000]", "mnt:[4026532001]"].map((mnt) => ({
    ...own,
    namespaces: { ...host, mnt },
  }));
  if (first === undefined || second === undefined) throw new Error("no two");
  const named = [expect.stringContaining("PrivateTmp=")];
  expect(changedSettings(own, first, host)).toEqual(named);
  expect(changedSettings(first, own, host)).toEqual(named);
  expect(changedSettings(first, second, host)).toEqual([]);
  expect(changed({ namespaces: { ...host, net: "net:[4026532002]" } })).toEqual(["PrivateNetwork="]);
  expect(changed({ namespaces: { ...host, user: "user:[4026532003]" } })).toEqual(["PrivateUsers="]);
});

test("where the host's namespaces may not be seen nothing is said of them", () => {
  const other = { ...own, namespaces: { ...host, mnt: "mnt:[4026532000]" } };
  expect(changedSettings(own, other, { mnt: "", net: "", user: "" })).toEqual([]);
});

test("the umask is octal", () => {
  expect([umaskOf(status), umaskOf("Name:\tagent\n")]).toEqual([0o022, null]);
});
