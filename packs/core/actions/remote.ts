/** StackStorm reaches other hosts by SSH. Here each has an agent: this fails, and says what to do instead. */

const instead =
  "Petrel does not reach hosts by SSH: the agent of each host runs core.local (or core.local_sudo). In a rule write " +
  "`action: {ref: core.local, target: {host: HOST}}` or `target: {labels: {…}}`; by hand `petrel run core.local CMD --host HOST`.";

export default function remote(): readonly [false, string] {
  return [false, instead];
}
