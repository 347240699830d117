/** What is installed when the agent is. */
import type { Product } from "../../shared/install/layout.ts";

export const agentProduct: Product = {
  name: "agent",
  package: "petrel-agent",
  program: "petrel-agent",
  unit: "petrel-agent.service",
  state: "/var/lib/petrel-agent",
  // Actions run as another user and have to reach their packs and their work folder below; what is secret there is
  // closed by itself.
  stateMode: 0o711,
  renews: true,
  config: "/etc/petrel/agent.yaml",
  configMode: 0o600,
};

/** Whom actions run as; see decision 0011. */
export const actionsUser = "petrel";
