"""A Slurm of one node on this machine, in a scratch folder, for the test of sweeps on Slurm.

Needs the daemons of the Debian packages ``slurm-wlm`` and ``munge``; they need not be set up.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from dask_here import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
CONFIG = """\
ClusterName=scratch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=scratch Nodes={host} Default=YES MaxTime=60 State=UP
"""


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    place = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=place) is None]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


class Slurm:
    """The three daemons; `stop` ends them, by their process ids.

    ``environment`` holds what the commands of Slurm need to find them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.chmod(0o755)
        place = os.environ["PATH"] + ":/usr/sbin:/sbin"
        file = folder / "slurm.conf"
        self.environment = {"SLURM_CONF": str(file), "PATH": place}
        controller, node = _free_ports(2)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        values = {"controller": controller, "node": node, "user": user.stdout.strip()}
        host = socket.gethostname().split(".")[0]
        cpus = os.cpu_count() or 1
        file.write_text(CONFIG.format(folder=folder, host=host, cpus=cpus, **values))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        self.processes: list[subprocess.Popen] = []
        try:
            self._start_munge()
            self._start("slurmctld", "-D")
            self._start("slurmd", "-D")
            wait_for(lambda: "idle" in self.says("sinfo", "-h", "-o", "%t"), "an idle node")
        except BaseException:
            self.stop()
            raise

    def _start_munge(self) -> None:
        key, access = self.folder / "munge.key", self.folder / "munge.socket"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [f"--{name}-file={self.folder}/munged.{name}" for name in ("log", "pid", "seed")]
        # --force: the scratch folder lies below one that everyone may write to.
        self._start(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={access}", *files
        )
        wait_for(access.exists, "munged")

    def _start(self, *command: str) -> None:
        log = (self.folder / f"{command[0]}.log").open("wb")
        environment = os.environ | self.environment
        self.processes.append(
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        )

    def says(self, *command: str) -> str:
        """Return what a command of Slurm prints; an empty string where it fails."""
        environment = os.environ | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that run or wait."""
        return self.says("squeue", "-h", "-o", "%i").split()

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        if len(self.processes) == 3 and self.jobs():
            self.says("scancel", *self.jobs())
            wait_for(lambda: not self.jobs(), "the jobs to end")
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
