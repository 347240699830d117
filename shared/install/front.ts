/**
 * The program that systemd takes for the agent: a few lines of sh, so that a restart of the unit is the end of these and not
 * necessarily that of the agent, whose running actions are its children (decision 0029). Pure.
 */

/** Names of processes (proc(5), comm; 15 characters at most): a front without an agent yet, and an agent between two fronts. */
const frontName = "petrel-front";
export const asideName = "petrel-aside";
/** Files in the runtime folder: the number of an agent that has stepped aside, and that of the front which has taken note. */
export const asideFile = "aside";
export const frontFile = "front";
/** In the agent's environment: the number of its front. */
export const frontVariable = "PETREL_FRONT";

/** Seconds that an agent which has stepped aside has to become the next one, once there is a front. */
const becomesWithin = 15;
/** Seconds that an agent has from its start until it listens to signals. */
const listensWithin = 30;
/** Seconds between two looks at an agent that is no child of its front; 1 once it has been told to stop. */
const lookEvery = 5;

/**
 * For `sh -c`, with the agent's program as $0 and its arguments after it. It passes signals on and ends as the agent does; with
 * SIGUSR1 the agent says that it has stepped aside. Has no quote of either kind that the unit's would end.
 */
export const frontScript = [
  `printf ${frontName} >/proc/self/comm`,
  `a= e= s= t= l=${lookEvery} r=$(echo "$RUNTIME_DIRECTORY" | cut -d: -f1)`,
  // Until it listens a signal would end it, and leave its actions to nobody. SIGHUP, bit 1 of proc(5)'s SigCgt, is what it comes to
  // listen to last; Node itself listens to SIGTERM, and ends by it.
  'listens() { grep -q "^SigCgt:.*[13579bdf]$" /proc/$1/status 2>/dev/null; }',
  `heeds() { n=0; while lives $a && ! listens $a && [ $n -lt ${listensWithin} ]; do sleep 1; n=$((n+1)); done; }`,
  'tell() { if [ $1 = TERM ]; then e=1 l=1; fi; [ -z "$a" ] || { heeds; ! lives $a || kill -s $1 $a; }; }',
  'trap "tell TERM" TERM INT',
  'trap "tell HUP" HUP',
  'trap "tell USR2" USR2',
  'leave() { [ -z "$s" ] || kill $s; exit 0; }',
  "trap leave USR1",
  // Field 22 of proc(5)'s stat, the 20th after the name: when a process began, which the next one of its number has later.
  'born() { sed "s/.*) //" /proc/$1/stat 2>/dev/null | cut -d" " -f20; }',
  // Neither a process that has ended and waits for its parent, nor none, nor another one of the number of what is no child of ours.
  'lives() { [ -z "$t" ] || [ "$(born $1)" = "$t" ] || return 1; grep -q "^State:[[:space:]]*[^ZX[:space:]]" /proc/$1/status 2>/dev/null; }',
  // Anybody may take a number that has become free, and the name: not its user.
  'user() { grep "^Uid:" /proc/$1/status 2>/dev/null; }',
  `isAside() { lives $1 && [ "$(cat /proc/$1/comm 2>/dev/null)" = ${asideName} ] && [ "$(user $1)" = "$(user $$)" ]; }`,
  // Whoever left word there and is gone must not be looked for again.
  `p=; [ -z "$r" ] || { read -r p t <"$r/${asideFile}"; rm -f "$r/${asideFile}"; } 2>/dev/null`,
  'if [ -n "$p" ] && isAside $p; then ' +
    `echo $$ >"$r/${frontFile}.new" && mv "$r/${frontFile}.new" "$r/${frontFile}"; ` +
    `n=0; while isAside $p && [ $n -lt ${becomesWithin} ]; do sleep 1; n=$((n+1)); done; ` +
    `if isAside $p; then kill -s KILL $p; elif lives $p; then a=$p t=$(born $p); fi; fi`,
  '[ -n "$a" ] || t=',
  // Whom to ask for a renewal; and what is no child of ours cannot be waited for.
  'if [ -n "$a" ]; then printf petrel:$a >/proc/self/comm; [ -z "$e" ] || tell TERM; ' +
    `while lives $a; do sleep $l & s=$!; wait $s; kill $s 2>/dev/null; done; [ -n "$e" ]; exit; fi`,
  `${frontVariable}=$$ "$0" "$@" & a=$!`,
  'printf petrel:$a >/proc/self/comm; [ -z "$e" ] || tell TERM',
  // A signal ends the wait; the status is the agent's once it has ended.
  // The wait may have ended by a signal just before the agent did; a status that was taken cannot be had again (127).
  // Not by what cannot be read: from here on signals do nothing.
  'ended() { [ ! -e /proc/$1 ] || grep -q "^State:[[:space:]]*[ZX]" /proc/$1/status 2>/dev/null; }',
  "while :; do wait $a; c=$?; ! ended $a || break; done",
  // Whoever is told to stop once more has ended already: nothing may end this wait but that.
  'trap "" TERM INT HUP USR1 USR2',
  "wait $a 2>/dev/null; d=$?; [ $d = 127 ] || c=$d; exit $c",
].join("\n");

/** As one word of a command in a unit (systemd.service(5), COMMAND LINES). */
export function inUnit(script: string): string {
  const oneLine = script.replaceAll("\\", "\\\\").replaceAll("\n", "; ");
  return `'${oneLine.replaceAll("%", "%%").replaceAll("$", "$$$$")}'`;
}

/** What the name of a process says: the agent behind this front, `null` for a front that has none yet, `undefined` for others. */
export function agentBehind(comm: string): number | null | undefined {
  if (comm.trim() === frontName) return null;
  const pid = /^petrel:(\d+)$/.exec(comm.trim())?.[1];
  return pid === undefined ? undefined : Number(pid);
}
