import { describe, expect, test } from "vitest";
import { unitOf } from "../../../../../agent/watch/who/control-group.ts";

const id = "0123456789abcdef".repeat(4);

describe("the unit of a control group", () => {
  test.each([
    ["a service", "0::/system.slice/nginx.service", "nginx.service"],
    ["a service with a dash", "0::/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"],
    ["an escaped name", "0::/system.slice/my\\x2dapp.service", "my-app.service"],
    ["a login", "0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"],
    ["systemd itself", "0::/init.scope", "init.scope"],
    [
      "a user's own service, by the user's name too",
      "0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service",
      "user@1000.service/nginx.service",
    ],
    [
      "a user's manager",
      "0::/user.slice/user-1000.slice/user@1000.service/init.scope",
      "user@1000.service/init.scope",
    ],
    ["a group that a service names like another", "0::/system.slice/web.service/sshd.service", "web.service"],
    ["docker under systemd", `0::/system.slice/docker-${id}.scope`, "container:0123456789ab"],
    ["docker without", `5:cpuset:/docker/${id}\n1:name=systemd:/docker/${id}`, "container:0123456789ab"],
    ["podman", `0::/machine.slice/libpod-${id}.scope/container`, "container:0123456789ab"],
    [
      "Kubernetes with containerd",
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${id}.scope`,
      "container:0123456789ab",
    ],
    ["Kubernetes without systemd", `3:cpu:/kubepods/burstable/pod1-2/${id}`, "container:0123456789ab"],
    [
      "containerd's spelling",
      `0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:${id}`,
      "container:0123456789ab",
    ],
    ["LXC", "0::/lxc.payload.web/system.slice/nginx.service", "lxc:web"],
    ["a virtual machine", "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope", "machine:qemu-1-web"],
    ["version 1 beside an empty version 2", "9:name=systemd:/system.slice/ssh.service\n0::/", "ssh.service"],
    ["none", "0::/", null],
    ["a group that somebody made", "0::/build/job-1", null],
    ["a process that is gone", "", null],
    ["nonsense", "what\n::\n1", null],
  ])("%s", (_, text, unit) => {
    expect(unitOf(text)).toBe(unit);
  });
});
