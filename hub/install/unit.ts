/** The hub's systemd unit, as text. Pure. */

export interface HubUnitOptions {
  /** Absolute paths on the host. */
  readonly program: string;
  readonly guard: string;
  readonly state: string;
  readonly user: string;
}

export function hubUnit({ program, guard, state, user }: HubUnitOptions): string {
  const name = state.replace(/^\/var\/lib\//, "");
  return `# Written by \`petrel install\`, which replaces it. Change it with \`systemctl edit petrel-hub\`.
[Unit]
Description=Petrel hub
Wants=network-online.target
After=network-online.target
# The fleet waits for it: it is tried again for ever.
StartLimitIntervalSec=0

[Service]
Type=exec
# Takes an upgrade back whose new version does not start; as root (+), and never a reason not to start (-).
ExecStartPre=+-${guard}
ExecStart=${program} hub --data ${state}
Restart=always
RestartSec=5
TimeoutStopSec=90
User=${user}
Group=${user}
UMask=0077
LimitNOFILE=65536
# The second is for backups (petrel backup): what else is on the host the hub cannot write. Put another disk there.
StateDirectory=${name} ${name}-backups
StateDirectoryMode=0700

# It needs its folders, its configuration and the network, and nothing else of the host.
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
# AF_NETLINK: it asks for the addresses of this host, which its certificate names
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Left out: MemoryDenyWriteExecute, since V8 compiles code while it runs. To listen below port 1024 add with
# \`systemctl edit petrel-hub\`: CapabilityBoundingSet=CAP_NET_BIND_SERVICE and AmbientCapabilities=CAP_NET_BIND_SERVICE.

[Install]
WantedBy=multi-user.target
`;
}
