/** What starts an agent that has just enrolled: on a host that it is installed on, its unit. */
import { access } from "node:fs/promises";
import type { Layout } from "../../shared/install/layout.ts";
import type { Service } from "../../shared/install/service-process.ts";
import { installedData } from "./health-http.ts";
import { agentProduct } from "./product.ts";

export interface EnrolledHost {
  readonly layout: Layout;
  /** Where it has enrolled. */
  readonly data: string;
  /** `null`: no systemd runs here. */
  readonly service: Pick<Service, "isActive"> | null;
}

/** A command for people. Another data folder than that of the unit is somebody's own affair. */
export async function startOf({ layout, data, service }: EnrolledHost): Promise<string> {
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const hasUnit = (await isThere(layout.unit)) || (await isThere(layout.packaged));
  if (service === null || !hasUnit || (await installedData(layout)) !== data) return "petrel-agent run";
  // One that waits for its identity ends and is started again and again; one that runs is of an earlier identity.
  return (await service.isActive(agentProduct.unit))
    ? `systemctl restart ${agentProduct.unit}`
    : `systemctl enable --now ${agentProduct.unit}`;
}
