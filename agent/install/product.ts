/** What is installed when the agent is. */
import type { Product } from "../../shared/install/layout.ts";

export const agentProduct: Product = {
  name: "agent",
  program: "petrel-agent",
  unit: "petrel-agent.service",
  state: "/var/lib/petrel-agent",
  config: "/etc/petrel/agent.yaml",
};

/** Whom actions run as; see decision 0011. */
export const actionsUser = "petrel";
