/** What can stand in a certificate for a host. Pure. */

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
/** The last label of a name has a letter (RFC 3696 §2): else it is an address that is none, such as `10.0.0.256`. */
const name = new RegExp(`^(?=.{1,253}$)(?:${label}\\.)*(?![0-9]+$)${label}$`);

const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/** 0: it is none. As node:net has it, but without a zone (`%eth0`), which holds on one host alone. */
export function addressFamily(text: string): 0 | 4 | 6 {
  if (ipv4.test(text)) return 4;
  return text.includes(":") && /^[0-9A-Fa-f:.]+$/.test(text) && URL.canParse(`http://[${text}]/`) ? 6 : 0;
}

/** A name as DNS has it, or an address; neither with a port. */
export function isHostName(text: string): boolean {
  return addressFamily(text) !== 0 || name.test(text);
}
