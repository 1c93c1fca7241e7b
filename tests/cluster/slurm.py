"""A real Slurm on one machine, for tests: munged, slurmctld and slurmd below one folder.

    python -m tests.cluster.slurm start DIR    # prints what to export
    python -m tests.cluster.slurm stop DIR

It has a munge key, a socket and ports of its own and needs neither a system installation's
configuration nor systemd, cgroups or a database. Partition ``debug`` takes jobs; a job in
``urgent`` pre-empts them (they are requeued). Two GPUs are pretended, to be asked for and
assigned, not to be used. Where programs are missing: ``apt-get install slurm-wlm munge``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.cluster.processes import die_with_parent, end, is_gone, start_time, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "sinfo")
PACKAGES = "slurm-wlm munge"
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # where daemons lie, on a user's PATH or not
LONGEST_SOCKET = 107  # bytes of a socket's path that Linux takes
READY_WITHIN = 60.0  # seconds; some two are usual

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
# A requeued job waits until its old credential has expired: two minutes if nothing is said.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
MpiDefault=none
MailProg=/bin/true
JobRequeue=1
KillWait=5
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,batch_sched_delay=0
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=2
"""


class SlurmError(RuntimeError):
    """Slurm could not be started; the message ends with the daemons' last words."""


def missing_programs() -> list[str]:
    """Which of the needed programs this machine lacks."""
    return [name for name in PROGRAMS if _find(name) is None]


class Slurm:
    """One cluster of one node.

    Args:
        folder: its configuration, state, logs and sockets; a short path, since sockets lie there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        self.conf = self.folder / "slurm.conf"
        self.pids = self.folder / "pids.json"
        self.outlive = False

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which Slurm's commands speak to this cluster."""
        return {"SLURM_CONF": str(self.conf)}

    def start(self, *, outlive: bool = False) -> None:
        """Start the daemons and wait until a job could run.

        Args:
            outlive: they go on when this process ends without having stopped them.

        Raises:
            SlurmError: a program is missing, or the cluster did not become ready.
        """
        if missing := missing_programs():
            raise SlurmError(f"missing: {', '.join(missing)}; apt-get install {PACKAGES}")
        if self.pids.exists():
            raise SlurmError(f"{self.folder}: has been started; stop it first")
        self._configure()
        self.outlive = outlive
        try:
            self._spawn(
                *("munged", "--foreground", "--num-threads=2"),
                f"--key-file={self.folder / 'munge.key'}",
                f"--socket={self.folder / 'munge.socket'}",
                f"--pid-file={self.folder / 'munged.pid'}",
                f"--seed-file={self.folder / 'munge.seed'}",
                f"--log-file={self.folder / 'munged.log'}",
            )
            self._wait_for_daemon("munged", (self.folder / "munge.socket").exists)
            self._spawn("slurmctld", "-D")
            self._spawn("slurmd", "-D")
            self._wait_for_daemon("the node", self._idle)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel all jobs and end the daemons; nothing to do where none was started."""
        if not self.pids.exists():
            return
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.cancel_all()
        for pid, started in reversed(json.loads(self.pids.read_text())):
            end(pid, started)
        for pid in self._left_over():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.pids.unlink()

    def cancel_all(self) -> None:
        """Cancel all jobs, and wait until they are gone."""
        self.run("scancel", "--user", _user())
        wait_for(lambda: not self.run("squeue", "--noheader"), 20)

    def state(self, job: str) -> str:
        """A job's state, e.g. ``RUNNING``."""
        return self.run("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")

    def restarts(self, job: str) -> int:
        """How often a job was requeued."""
        shown = self.run("scontrol", "show", "job", job)
        return int(shown.partition("Restarts=")[2].split()[0])

    def wait_until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait for something that jobs do.

        Raises:
            SlurmError: it did not come about; the message says what there is.
        """
        if not wait_for(condition, seconds):
            queue = self.run("squeue", "--states=all")
            raise SlurmError(f"waited in vain\n{queue}\n{self.last_words()}")

    def run(self, *command: str) -> str:
        """What a command of Slurm's prints.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        return subprocess.run(
            [_find(command[0]) or command[0], *command[1:]],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.strip()

    def _configure(self) -> None:
        socket_path = self.folder / "munge.socket"
        if len(os.fsencode(socket_path)) > LONGEST_SOCKET:
            raise SlurmError(f"{socket_path}: too long for a socket; choose a shorter folder")
        for folder in (self.folder, self.folder / "state", self.folder / "spool"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # munged and slurmd refuse what others could change
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(64))
        controller_port, node_port = _free_ports(2)
        self.conf.write_text(
            CONF.format(
                host=socket.gethostname().partition(".")[0],
                user=_user(),
                controller_port=controller_port,
                node_port=node_port,
                folder=self.folder,
                cpus=max(2, os.cpu_count() or 1),  # at least two jobs at once
                memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
            )
        )
        # Only device files make Slurm set CUDA_VISIBLE_DEVICES; these are everywhere.
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [_find(program), *arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self.outlive else die_with_parent,
            )
        known = json.loads(self.pids.read_text()) if self.pids.exists() else []
        self.pids.write_text(json.dumps([*known, (process.pid, start_time(process.pid))]))

    def _idle(self) -> bool:
        try:
            return self.run("sinfo", "--noheader", "--partition=debug", "--format=%T") == "idle"
        except subprocess.SubprocessError:
            return False  # the controller does not listen yet

    def _wait_for_daemon(self, what: str, ready: Callable[[], bool]) -> None:
        def ready_or_dead() -> bool:
            return ready() or any(is_gone(*known) for known in json.loads(self.pids.read_text()))

        if not (wait_for(ready_or_dead, READY_WITHIN) and ready()):
            raise SlurmError(f"{what} did not become ready\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        """The ends of the daemons' logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            "\n".join([f"--- {log}", *log.read_text(errors="replace").splitlines()[-lines:]])
            for log in logs
        )

    def _left_over(self) -> Iterator[int]:
        """Processes of this cluster's daemons and jobs, known by what they inherited."""
        conf = f"SLURM_CONF={self.conf}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                inherited = (entry / "environ").read_bytes().split(b"\0")
                name = (entry / "comm").read_text()
                of_a_job = any(variable.startswith(b"SLURM_JOB_ID=") for variable in inherited)
                if conf in inherited and (of_a_job or name.startswith("slurm")):
                    yield int(entry.name)


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(SBIN))


def _user() -> str:
    import pwd  # not on Windows, where there is nothing to start but the tests are collected

    return pwd.getpwuid(os.geteuid()).pw_name


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def main() -> int:
    parser = argparse.ArgumentParser(description="A Slurm of one node, for tests")
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("folder", type=Path, help="a short path; it is left in place")
    arguments = parser.parse_args()
    cluster = Slurm(arguments.folder)
    if arguments.action == "stop":
        cluster.stop()
        return 0
    try:
        cluster.start(outlive=True)
    except SlurmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, value in cluster.environment.items():
        print(f"export {name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
