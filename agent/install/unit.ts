/** The agent's systemd units, as text. Pure. */
import { frontScript, inUnit } from "../../shared/install/front.ts";

export interface AgentUnitOptions {
  /** Absolute paths on the host. */
  readonly program: string;
  readonly guard: string;
}

/** The unit whose cgroup actions run in, each in one of its own below it. */
export const actionsUnit = "petrel-actions.service";

export function agentUnit({ program, guard }: AgentUnitOptions): string {
  return `# Written by \`petrel-agent install\`, which replaces it. Change it with \`systemctl edit petrel-agent\`.
[Unit]
Description=Petrel agent
Wants=network-online.target ${actionsUnit}
After=network-online.target ${actionsUnit}
# A host nobody reaches by hand is not given up: it is tried again for ever.
StartLimitIntervalSec=0

[Service]
Type=exec
# Takes an upgrade back whose new version does not start; as root, and never a reason not to start.
ExecStartPre=-${guard}
# What systemd takes for the agent is a few lines of sh in front of it: they end at a restart, while an agent with running
# actions steps aside with them, into the cgroup of ${actionsUnit}, and becomes the next one (its process stays).
# What lives through what:
#   restart, upgrade     running actions of shell, Python and Node, with output, exit code and timeout
#   stop, shutdown       nothing: actions have actions.drain_seconds, then they are ended
#   the agent's crash    nothing: what is left of actions is ended at the next start, and they are \`abandoned\`
#   ${actionsUnit} stopped or restarted: nothing, it holds all of them
ExecStart=/bin/sh -c ${inUnit(frontScript)} ${program} run
SyslogIdentifier=petrel-agent
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
# The agent ends its sensors itself; what is left in its own cgroup after it goes. Actions are not in it.
KillMode=mixed
TimeoutStopSec=90
UMask=0022
# In memory, for root alone: what running actions have written, for the moment in which one agent hands over to the next.
RuntimeDirectory=petrel-agent
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=restart
LimitNOFILE=65536
# Under pressure the kernel takes an action before the agent that would tell of it. The agent takes this from what it starts,
# and what is taken of that is no end of the agent.
OOMScoreAdjust=-500
OOMPolicy=continue
# The memory of a root process is not left lying about; a child may raise it for itself.
LimitCORE=0:infinity

# What the agent and its actions can have at most. Actions are processes of the agent: what is missing here is missing for
# \`sudo\` too. To give more: \`systemctl edit petrel-agent\`, and CapabilityBoundingSet= with what is to be added.
# watching: every file of the host, marks on file systems (fanotify), who did it (/proc)
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_ADMIN CAP_SYS_PTRACE
# actions: other users (run_as, setpriv, sudo and its log), ending them, their limits and priority
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_KILL CAP_AUDIT_WRITE CAP_SYS_RESOURCE CAP_SYS_NICE
# files of others: the agent's own work folders; with sudo, restoring, package managers
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_MKNOD CAP_LINUX_IMMUTABLE CAP_SYS_CHROOT
# with sudo: services on low ports, firewalls, routes, ping
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
# Left out: modules and raw hardware (CAP_SYS_MODULE, CAP_SYS_RAWIO), reboot(2) itself (\`systemctl reboot\` works), the
# clock (CAP_SYS_TIME), changes of the audit and of mandatory access (CAP_AUDIT_CONTROL, CAP_MAC_*), CAP_BPF.

# Sandboxing that is left out, and why. An action is a child of this service and has all of its limits.
# ProtectSystem, ReadOnlyPaths, InaccessiblePaths: actions change the host, as rules say; packages could not be installed.
# ProtectHome, PrivateTmp, TemporaryFileSystem: the watcher would see other folders than the host has.
# PrivateMounts, and all options that need a mount namespace (ProtectKernelTunables, ProtectControlGroups, PrivateDevices,
#   ProtectHostname, ProtectProc): mounts made later would not be seen, and what an action mounts would not be the host's.
# NoNewPrivileges, RestrictSUIDSGID, and what implies them (SystemCallFilter, RestrictAddressFamilies, RestrictNamespaces,
#   LockPersonality, MemoryDenyWriteExecute): sudo would not get its rights; run_as needs them.
# PrivateNetwork, IPAddressDeny: the hub, and whatever actions ask.
# PrivateUsers, DynamicUser, User: the agent needs root to watch, and actions run as real users of this host.

[Install]
WantedBy=multi-user.target
`;
}

/** Holds the cgroup that actions run in, so that neither a restart of the agent reaches them nor their memory is its own. */
export function actionsUnitText(): string {
  return `# Written by \`petrel-agent install\`, which replaces it. Change it with \`systemctl edit ${actionsUnit}\`: MemoryMax= and
# CPUQuota= here hold for all actions together, and not for the agent.
[Unit]
Description=Running actions of the Petrel agent

[Service]
# systemd removes the cgroup of a unit that has no process: this one is there for nothing else. Its end would be that of all
# actions, so it has a name of its own (proc(5), comm), and lives on when somebody ends every \`sleep\` of the host.
Type=exec
ExecStart=/bin/sh -c 'printf petrel-actions > /proc/self/comm; while :; do sleep 86400 & wait; done'
Restart=always
OOMPolicy=continue
# Below here the agent makes one cgroup for each action; systemd leaves them alone, and ends them when this is stopped.
Delegate=yes
KillMode=control-group
`;
}
