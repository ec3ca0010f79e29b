# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole Slurm of one node for the time of a test: controller, node and keys in one folder, on
ports of its own, without systemd and without touching a Slurm that is already there.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
PROGRAMS = ("munged", "slurmctld", "slurmd")


def missing():
    """Why there can be no node here; empty when there can."""
    if os.getuid() != 0:
        return "slurmd wants to be root"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=path())]
    return f"not installed: {', '.join(absent)}" if absent else ""


def path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


class Node:
    """environment: what sbatch and others need to find it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.environment = dict(os.environ, PATH=path(),
                                SLURM_CONF=str(self.folder / "slurm.conf"))
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user="root", folder=self.folder,
            ports=free_ports(2), cores=os.cpu_count()))
        try:
            self.start(key)
        except BaseException:
            self.stop_programs()
            raise

    def start(self, key):
        self.call("munged", "--force", f"--key-file={key}",
                  f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid",
                  f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munge.seed")
        self.call("slurmctld", "-i")
        self.call("slurmd")
        self.wait_until_idle()

    def call(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True,
                              check=False, timeout=60)
        if done.returncode != 0:
            log = self.folder / f"{command[0]}.log"
            more = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}{more}")
        return done.stdout

    def wait_until_idle(self):
        for _ in range(300):
            if "idle" in self.call("sinfo", "--noheader", "--format=%t"):
                return
            time.sleep(0.1)
        raise RuntimeError("the node does not come up: " + self.call("sinfo"))

    def stop(self):
        # A job that outlives its node would stay for ever.
        self.call("scancel", "--partition=main")
        for _ in range(200):
            if not self.call("squeue", "--noheader").strip():
                break
            time.sleep(0.1)
        self.stop_programs()

    def stop_programs(self):
        for name in ("slurmd", "slurmctld", "munged"):
            file = self.folder / f"{name}.pid"
            if not file.exists():
                continue
            number = int(file.read_text())
            try:
                os.kill(number, signal.SIGTERM)
                while file.exists():
                    os.kill(number, 0)
                    time.sleep(0.05)
            except ProcessLookupError:
                pass
