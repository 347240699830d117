/** Names and addresses that a broker's certificate is made for. Pure. */
import { isHostName } from "../../shared/config/host-name.ts";
import { PetrelError } from "../../shared/errors.ts";

/** API_BAD_REQUEST for what is neither; a certificate for `NAME:8883` would be for nobody. */
export function requireBrokerNames(hosts: readonly string[]): void {
  for (const host of hosts) {
    if (isHostName(host)) continue;
    const [, name, port] = /^(?:[a-z+]+:\/\/)?\[?([^[\]/]*?)\]?(?::(\d+))?\/?$/.exec(host) ?? [];
    const isMeant = name !== undefined && isHostName(name);
    throw new PetrelError("API_BAD_REQUEST", `'${host}' is neither a name nor an address`, {
      where: "hosts",
      hint: isMeant
        ? `--host ${name}${port === undefined ? "" : ` --port ${port}`}`
        : "--host mq.example.org, or --host 192.0.2.7",
    });
  }
}
