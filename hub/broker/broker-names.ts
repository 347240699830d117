/** Names and addresses that a broker's certificate is made for. Pure. */
import { PetrelError } from "../../shared/errors.ts";

const isName = (text: string) => /^[A-Za-z0-9.-]{1,253}$/.test(text);
/** Roughly: a name and a port have one colon, and no address has so few. */
const isAddress = (text: string) => /^[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,}$/.test(text);

/** API_BAD_REQUEST for what is neither; a certificate for `NAME:8883` would be for nobody. */
export function requireBrokerNames(hosts: readonly string[]): void {
  for (const host of hosts) {
    if (isName(host) || isAddress(host)) continue;
    const [, name, port] = /^(?:[a-z+]+:\/\/)?\[?([^[\]/]*?)\]?(?::(\d+))?\/?$/.exec(host) ?? [];
    const isMeant = name !== undefined && (isName(name) || isAddress(name));
    throw new PetrelError("API_BAD_REQUEST", `'${host}' is neither a name nor an address`, {
      where: "hosts",
      hint: isMeant
        ? `--host ${name}${port === undefined ? "" : ` --port ${port}`}`
        : "--host mq.example.org, or --host 192.0.2.7",
    });
  }
}
