/** What is installed when the hub is. */
import type { Product } from "../../shared/install/layout.ts";

export const hubProduct: Product = {
  name: "hub",
  package: "petrel",
  program: "petrel",
  unit: "petrel-hub.service",
  state: "/var/lib/petrel",
  stateMode: 0o700,
  renews: false,
  config: "/etc/petrel/hub.yaml",
  configMode: 0o640,
};

/**
 * Whom the hub runs as. Not `petrel`: on a host that has an agent too, actions run as that user, and would read the
 * fleet's keys.
 */
export const hubUser = "petrel-hub";
