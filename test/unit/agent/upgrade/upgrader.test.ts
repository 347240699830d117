/** The agent's side of an upgrade as it goes through cuts, deaths and second thoughts of its hub. */
import { describe, expect, it } from "vitest";
import type { HostOutcome } from "../../../../agent/upgrade/host-upgrade.ts";
import type { UpgradeFacts } from "../../../../agent/upgrade/judge.ts";
import { type CurrentUpgrade, Upgrader } from "../../../../agent/upgrade/upgrader.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { signManifest } from "../../../../shared/upgrade/manifest.ts";
import type { UpgradeEntry, UpgradeReportEntry } from "../../../../shared/wire/messages.ts";
import { manualTime } from "../../../support/manual-time.ts";
import { noon } from "../../../support/records.ts";

const part = (letter: string) => ({ digest: `sha256:${letter.repeat(64)}`, size: 5 });

function request(n: number, over: Partial<UpgradeEntry> = {}): UpgradeEntry {
  const manifest = {
    v: 1 as const,
    version: "2.0.0",
    arch: "x64" as const,
    sha256: "a".repeat(64),
    bytes: 9,
    parts: [part("b"), part("c")],
    min_agent: null,
    min_hub: null,
  };
  return {
    kind: "upgrade",
    id: `01K${n}`,
    at: timestamp(noon),
    upgrade: `r${n}`,
    releases: [signManifest(manifest, null)],
    allow_downgrade: false,
    expires_at: timestamp(noon + 1_000_000),
    ...over,
  };
}

/** A host and its disk; agents come and go on it. */
function host() {
  const time = manualTime(noon);
  const disk: { wanted: UpgradeEntry | null; current: CurrentUpgrade | null; parts: string[] } = {
    wanted: null,
    current: null,
    parts: [],
  };
  const said: string[] = [];
  const world = {
    time,
    disk,
    said,
    version: "1.0.0",
    policy: null as PetrelError | null,
    outcome: { kind: "none" } as HostOutcome,
    starts: 0,
    startError: null as Error | null,
    assembleError: null as Error | null,
    /** Called before each part: may throw, as a link that is cut does. */
    beforePart: (_n: number) => {},
    agent: () => {
      const upgrader = new Upgrader({
        upgrades: {
          wanted: async () => disk.wanted,
          current: async () => disk.current,
          save: async (current, reports) => {
            disk.current = current;
            for (const { upgrade, state, code } of reports as UpgradeReportEntry[])
              said.push(`${upgrade} ${state}${code === undefined ? "" : ` ${code}`}`);
          },
        },
        parts: {
          fetch: async ({ digest }) => {
            world.beforePart(disk.parts.length);
            if (!disk.parts.includes(digest)) disk.parts.push(digest);
          },
          assemble: async () => {
            if (world.assembleError !== null) throw world.assembleError;
            if (disk.parts.length < 2) throw new PetrelError("UPGRADE_DIGEST", "not whole");
            return "/file";
          },
          discard: async () => {
            disk.parts = [];
          },
        },
        host: {
          unable: async () => null,
          lastMark: async () => null,
          start: async () => {
            if (world.startError !== null) throw world.startError;
            world.starts += 1;
          },
          outcome: async () => world.outcome,
        },
        facts: async (): Promise<UpgradeFacts> => ({
          version: world.version,
          arch: "x64",
          hubNowMs: time.clock.now(),
          policy: world.policy,
          unable: null,
          keys: null,
          formerKeys: [],
          freeBytes: null,
          storeFormat: 1,
        }),
        newId: () => "01K",
        now: () => time.clock.now(),
        timers: time.timers,
        jitter: () => 0.5,
        log: silentLogger,
      });
      return upgrader;
    },
  };
  return world;
}

/** Everything that is under way without a timer has come to rest. */
const rest = async () => {
  for (let n = 0; n < 200; n++) await Promise.resolve();
};

describe("an upgrade", () => {
  it("is fetched, begun, and told of by the version that comes of it", async () => {
    const world = host();
    world.disk.wanted = request(1);
    const old = world.agent();
    old.changed();
    await rest();
    expect([world.said, world.starts]).toEqual([["r1 sending", "r1 installing"], 1]);
    await old.close();
    world.version = "2.0.0";
    world.outcome = { kind: "running" };
    const fresh = world.agent();
    fresh.changed();
    await rest();
    world.outcome = { kind: "upgraded", why: "it is as it was" };
    world.time.advance(2_000);
    await rest();
    expect(world.said.at(-1)).toBe("r1 healthy");
    expect([world.disk.current?.stage, world.disk.parts]).toEqual(["ended", []]);
    // Said once, whatever comes after.
    fresh.changed();
    await rest();
    expect(world.said.length).toBe(3);
  });

  it("goes on where the link was cut, and where the agent died", async () => {
    const world = host();
    world.disk.wanted = request(1);
    world.beforePart = (n) => {
      if (n === 1) throw new PetrelError("LINK_CLOSED", "cut");
    };
    const one = world.agent();
    one.changed();
    await rest();
    expect([world.disk.parts.length, world.said, world.starts]).toEqual([1, ["r1 sending"], 0]);
    await one.close();
    world.beforePart = () => {};
    world.agent().changed();
    await rest();
    expect([world.said, world.starts]).toEqual([["r1 sending", "r1 installing"], 1]);
  });

  it("is begun again when whoever carried it out was killed, three times at most", async () => {
    const world = host();
    world.disk.wanted = request(1);
    world.agent().changed();
    await rest();
    for (let n = 0; n < 5; n++) {
      world.time.advance(2_000);
      await rest();
    }
    expect([world.starts, world.said.at(-1)]).toEqual([3, "r1 failed UPGRADE_CUT_OFF"]);
  });

  it.each<[string, (world: ReturnType<typeof host>) => void, readonly string[]]>([
    [
      "the host's policy has come to forbid it",
      (world) => {
        world.policy = new PetrelError("HOST_REFUSED", "no");
      },
      ["r1 refused HOST_REFUSED"],
    ],
    ["its time is over", ({ time }) => time.advance(2_000_000), ["r1 failed UPGRADE_EXPIRED"]],
    [
      "its hub has taken it back",
      ({ disk }) => {
        disk.wanted = request(2, { upgrade: "r1", releases: [] });
      },
      ["r1 failed withdrawn"],
    ],
    [
      "another was asked for",
      ({ disk }) => {
        disk.wanted = request(2, { releases: [] });
      },
      ["r1 failed superseded", "r2 failed withdrawn"],
    ],
    [
      "somebody has installed that version by hand",
      (world) => {
        world.version = "2.0.0";
      },
      ["r1 healthy already"],
    ],
    [
      "its parts make no whole any more",
      (world) => {
        world.assembleError = new PetrelError("UPGRADE_DIGEST", "not whole");
      },
      ["r1 failed UPGRADE_DIGEST"],
    ],
    [
      "the link is away, of which nothing is told yet",
      (world) => {
        world.assembleError = new PetrelError("LINK_CLOSED", "away");
      },
      [],
    ],
  ])("that was cut off as it began is not begun again when %s", async (_, meanwhile, said) => {
    const world = host();
    world.disk.wanted = request(1);
    const first = world.agent();
    first.changed();
    await rest();
    await first.close();
    expect([world.disk.current?.stage, world.starts]).toEqual(["installing", 1]);
    world.said.length = 0;
    meanwhile(world);
    const second = world.agent();
    second.changed();
    await rest();
    expect([world.said, world.starts]).toEqual([said, 1]);
    expect(world.disk.current?.stage).toBe(said.length === 0 ? "installing" : "ended");
    await second.close();
  });

  it.each<[string, (world: ReturnType<typeof host>) => void, readonly string[]]>([
    [
      "is taken back while it is fetched",
      ({ disk }) => {
        disk.wanted = request(2, { upgrade: "r1", releases: [] });
      },
      ["r1 sending", "r1 failed withdrawn"],
    ],
    [
      "gives way to another that is asked for while it is fetched",
      ({ disk }) => {
        disk.wanted = request(2);
      },
      ["r1 sending", "r1 failed superseded", "r2 sending", "r2 installing"],
    ],
    [
      "is refused by a policy that came while it is fetched",
      (world) => {
        world.policy = new PetrelError("HOST_REFUSED", "no");
      },
      ["r1 sending", "r1 refused HOST_REFUSED"],
    ],
    [
      "is too late while it is fetched",
      ({ time }) => time.advance(2_000_000),
      ["r1 sending", "r1 failed UPGRADE_EXPIRED"],
    ],
    [
      "is refused by the host as it begins",
      (world) => {
        world.startError = new PetrelError("UPGRADE_FORMAT", "no way back");
      },
      ["r1 sending", "r1 installing", "r1 failed UPGRADE_FORMAT"],
    ],
  ])("%s", async (_, meanwhile, said) => {
    const world = host();
    world.disk.wanted = request(1);
    let isFirst = true;
    const agent = world.agent();
    world.beforePart = () => {
      if (!isFirst) return;
      isFirst = false;
      meanwhile(world);
      agent.changed();
    };
    agent.changed();
    await rest();
    expect(world.said).toEqual(said);
    await agent.close();
  });

  it.each<[string, (world: ReturnType<typeof host>) => void, readonly string[]]>([
    [
      "is refused by a policy that came with the last of it",
      (world) => {
        world.policy = new PetrelError("HOST_REFUSED", "no");
      },
      ["r1 sending", "r1 refused HOST_REFUSED"],
    ],
    [
      "is too late with the last of it",
      ({ time }) => time.advance(2_000_000),
      ["r1 sending", "r1 failed UPGRADE_EXPIRED"],
    ],
    [
      "comes to nothing when somebody installs that version meanwhile",
      (world) => {
        world.version = "2.0.0";
      },
      ["r1 sending", "r1 healthy already"],
    ],
    [
      "a later version that was installed by hand meanwhile is left alone, and no failure",
      (world) => {
        world.version = "2.1.0";
      },
      ["r1 sending", "r1 refused UPGRADE_OLDER"],
    ],
  ])("%s", async (_, meanwhile, said) => {
    const world = host();
    world.disk.wanted = request(1);
    world.beforePart = (n) => {
      if (n === 1) meanwhile(world);
    };
    const agent = world.agent();
    agent.changed();
    await rest();
    expect([world.said, world.starts]).toEqual([said, 0]);
    await agent.close();
  });

  it("that is taken back before it came is only told of", async () => {
    const world = host();
    world.disk.wanted = request(2, { upgrade: "r1", releases: [] });
    world.agent().changed();
    await rest();
    expect([world.said, world.starts]).toEqual([["r1 failed withdrawn"], 0]);
  });

  it("that went back is told of as that", async () => {
    const world = host();
    world.disk.wanted = request(1);
    world.agent().changed();
    await rest();
    world.outcome = { kind: "rolled-back", why: "it had no link" };
    world.time.advance(2_000);
    await rest();
    expect(world.said.at(-1)).toBe("r1 rolled_back UPGRADE_ROLLED_BACK");
  });
});
