/** The host that an upgrade changes, as both its halves see it. */
import { PetrelError } from "../errors.ts";
import type { PassPoint } from "../kill-points.ts";
import type { Layout, Product } from "./layout.ts";
import type { Service } from "./service-process.ts";
import type { Health, TrialLimits } from "./trial.ts";
import { commandFor } from "./way-back.ts";

/** The host that is upgraded. */
export interface UpgradeHost {
  readonly product: Product;
  readonly layout: Layout;
  /** `null`: nothing is started or stopped here, as in an image that is being made. */
  readonly service: Service | null;
  /** Has systemd read changed units where `service` is `null` and somebody else starts. */
  readonly reload?: () => Promise<void>;
  /** How the program that runs is; `null` when none answers. Never rejects. */
  readonly health: () => Promise<Health | null>;
  readonly limits: TrialLimits;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For people: what happens now. */
  readonly told: (news: string) => void;
  /** Points at which tests kill; does nothing in production. */
  readonly pass: PassPoint;
}

/** Where `pass` is called, in this order. */
export const upgradePoints = [
  "staged",
  "pending",
  "switched",
  "restarted",
  "judged",
  "marked",
  "back",
  "ended",
] as const;

/** ms between two looks at a program that is waited for. */
export const lookEveryMs = 500;

/** For a host on which there is nothing to upgrade. */
export function notInstalled(host: UpgradeHost): PetrelError {
  const { layout, product } = host;
  return new PetrelError("NOT_INSTALLED", `no ${product.program} is installed here`, {
    where: layout.current,
    hint: commandFor(host, "install"),
  });
}
