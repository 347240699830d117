/** Where an installed program lies on a host: versions side by side, and one link that says which of them runs. */
import { dirname, join } from "node:path";

/** What can be installed: the agent, or the hub. */
export interface Product {
  readonly name: "agent" | "hub";
  /** Name of the package that brings it. */
  readonly package: string;
  /** Name of its command. */
  readonly program: string;
  /** Name of its systemd unit. */
  readonly unit: string;
  /** Absolute paths on the host that it is installed on. */
  readonly state: string;
  readonly stateMode: number;
  /** While it runs it can become another version of itself, and what it has started goes on. */
  readonly renews: boolean;
  readonly config: string;
  /** Of a configuration that is written for the first time: it can have the password of a broker in it. */
  readonly configMode: number;
}

/** Absolute paths, below the root that was given. */
export interface Layout {
  readonly root: string;
  readonly base: string;
  readonly versions: string;
  /** What a package brings lies in here; installing the package makes it one of the versions. */
  readonly shipped: string;
  /** A relative link to `versions/<version>`, replaced in one step. */
  readonly current: string;
  /** What people call. */
  readonly command: string;
  readonly unit: string;
  /** The unit of who installed a package instead. */
  readonly packaged: string;
  readonly config: string;
  readonly state: string;
  /**
   * There while a package is removed whose unit was enabled, and nothing else is installed: `--now` in it, or nothing where
   * the unit was stopped. In a folder of root's: that of the state may be another user's.
   */
  readonly removed: string;
  /** Plain sh that unit starts before the program; see `guardText`. */
  readonly guard: string;
  /** An upgrade on trial. */
  readonly pending: string;
  /** Starts of the program since an upgrade went on trial, counted by the guard. */
  readonly starts: string;
  /** How the last upgrade ended. */
  readonly outcome: string;
  /** Locked by who upgrades at present; see `inTurn`. */
  readonly lock: string;
}

/** `root` as DESTDIR: `/` for this host. */
export function layoutOf(product: Product, root = "/"): Layout {
  const base = join(root, "opt/petrel", product.name);
  return {
    root,
    base,
    shipped: join(base, "package"),
    versions: join(base, "versions"),
    current: join(base, "current"),
    command: join(root, "usr/local/bin", product.program),
    unit: join(root, "etc/systemd/system", product.unit),
    packaged: join(root, "usr/lib/systemd/system", product.unit),
    config: join(root, product.config),
    state: join(root, product.state),
    removed: join(root, dirname(product.config), `.${product.package}.enabled`),
    guard: join(base, "guard"),
    pending: join(base, "pending"),
    starts: join(base, "starts"),
    outcome: join(base, "last-upgrade"),
    lock: join(base, "upgrade.lock"),
  };
}

/** The file of one version. */
export function programOf(layout: Layout, product: Product, version: string): string {
  return join(layout.versions, version, product.program);
}

/** The root below which this program is installed as a version; `null` when it is not. */
export function rootOfProgram(product: Product, program: string): string | null {
  const [root, version, ...more] = program
    .split(`/opt/petrel/${product.name}/versions/`)
    .flatMap((part, at) => (at === 0 ? [part] : part.split("/")));
  if (root === undefined || version === undefined || more.join("/") !== product.program) return null;
  return root === "" ? "/" : root;
}
